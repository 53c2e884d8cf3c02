/** A file that may hold a DICOM instance. Valid while the iteration that gave it goes on. */
export interface SourceFile {
  /** Its own name, without folders. */
  readonly name: string;
  readonly bytes: number;
  /** Its first bytes, or all of it when it is shorter. */
  head(bytes: number): Promise<Uint8Array>;
  /** All of it, in memory of its own. */
  read(): Promise<Uint8Array>;
}
