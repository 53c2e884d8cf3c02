/** The part of dcmjs that is used here. */
declare module 'dcmjs' {
  interface WriteStream {
    getBuffer(): ArrayBuffer;
    writeUint16(value: number): void;
    writeUint32(value: number): void;
    writeAsciiString(text: string): void;
  }
  type Elements = Record<string, { vr: string; Value: unknown[] }>;
  const dcmjs: {
    data: {
      DicomDict: new (meta: Elements) => { dict: Elements; write(options?: object): ArrayBuffer };
      DicomMessage: { write(elements: Elements, stream: WriteStream, syntax: string, options: object): number };
      DicomMetaDictionary: {
        dictionary: Record<string, { vr: string; name: string } | undefined>;
        nameMap: Record<string, { vr: string } | undefined>;
        denaturalizeDataset(dataset: object): Elements;
      };
      WriteBufferStream: new (initialBytes: number, littleEndian: boolean) => WriteStream;
    };
    log: { setLevel(level: string): void };
  };

  export type { Elements, WriteStream };
  export default dcmjs;
}
