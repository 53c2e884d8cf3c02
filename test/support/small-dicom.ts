/**
 * A DICOM file of explicit VR little endian, written element by element: for tests that need a file and not an image, and
 * independent of the writer that they may be testing.
 */
export function smallDicomFile(values: {
  readonly sopInstanceUid: string;
  readonly studyUid?: string;
  readonly seriesUid?: string;
  readonly modality?: string;
  readonly description?: string;
  /** YYYYMMDD. */
  readonly studyDate?: string | undefined;
  readonly sopClassUid?: string;
  readonly transferSyntaxUid?: string;
  readonly pixels?: Uint8Array;
  readonly rows?: number;
  readonly columns?: number;
  readonly instanceNumber?: number;
}): Uint8Array<ArrayBuffer> {
  const sopClassUid = values.sopClassUid ?? '1.2.840.10008.5.1.4.1.1.2';
  const meta = Buffer.concat([
    element(0x0002, 0x0001, 'OB', Buffer.from([0, 1])),
    element(0x0002, 0x0002, 'UI', sopClassUid),
    element(0x0002, 0x0003, 'UI', values.sopInstanceUid),
    element(0x0002, 0x0010, 'UI', values.transferSyntaxUid ?? '1.2.840.10008.1.2.1'),
    element(0x0002, 0x0012, 'UI', '2.25.1'),
  ]);
  const dataset = [
    // Text is written as UTF-8.
    element(0x0008, 0x0005, 'CS', 'ISO_IR 192'),
    element(0x0008, 0x0016, 'UI', sopClassUid),
    element(0x0008, 0x0018, 'UI', values.sopInstanceUid),
    ...(values.studyDate ? [element(0x0008, 0x0020, 'DA', values.studyDate)] : []),
    element(0x0008, 0x0060, 'CS', values.modality ?? 'CT'),
    element(0x0008, 0x103e, 'LO', values.description ?? 'test'),
    element(0x0010, 0x0010, 'PN', 'Nobody^At All'),
    element(0x0010, 0x0020, 'LO', 'TEST'),
    element(0x0020, 0x000d, 'UI', values.studyUid ?? '2.25.10'),
    element(0x0020, 0x000e, 'UI', values.seriesUid ?? '2.25.11'),
    element(0x0020, 0x0013, 'IS', String(values.instanceNumber ?? 1)),
  ];
  if (values.pixels) {
    dataset.push(
      element(0x0028, 0x0002, 'US', uint16(1)),
      element(0x0028, 0x0004, 'CS', 'MONOCHROME2'),
      element(0x0028, 0x0010, 'US', uint16(values.rows ?? 1)),
      element(0x0028, 0x0011, 'US', uint16(values.columns ?? values.pixels.length / 2)),
      element(0x0028, 0x0100, 'US', uint16(16)),
      element(0x0028, 0x0101, 'US', uint16(16)),
      element(0x0028, 0x0102, 'US', uint16(15)),
      element(0x0028, 0x0103, 'US', uint16(1)),
      element(0x7fe0, 0x0010, 'OW', Buffer.from(values.pixels)),
    );
  }
  const length = element(0x0002, 0x0000, 'UL', Buffer.from(Uint32Array.of(meta.length).buffer));
  return new Uint8Array(Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), length, meta, ...dataset]));
}

function uint16(value: number): Buffer {
  return Buffer.from(Uint16Array.of(value).buffer);
}

function element(group: number, number: number, vr: string, value: Buffer | string): Buffer {
  const raw = Buffer.from(value as Buffer);
  const padded = raw.length % 2 ? Buffer.concat([raw, Buffer.from([vr === 'UI' || vr === 'OB' ? 0 : 0x20])]) : raw;
  const head = Buffer.alloc(vr === 'OB' || vr === 'OW' ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4, 'latin1');
  if (head.length === 12) head.writeUInt32LE(padded.length, 8);
  else head.writeUInt16LE(padded.length, 6);
  return Buffer.concat([head, padded]);
}
