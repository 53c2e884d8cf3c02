/** A coded concept: PS3.3 section 8.8, Code Sequence Macro. */
export interface Code {
  readonly value: string;
  readonly scheme: string;
  readonly meaning: string;
}

/** Concepts used in our objects. SNOMED CT values as in PS3.16, CID 7150, 7151, 7155 and 7159. */
export const CODES = {
  anatomicalStructure: { value: '123037004', scheme: 'SCT', meaning: 'Anatomical Structure' },
  morphologicallyAbnormalStructure: {
    value: '49755003',
    scheme: 'SCT',
    meaning: 'Morphologically Abnormal Structure',
  },
  liver: { value: '10200004', scheme: 'SCT', meaning: 'Liver' },
  mass: { value: '4147007', scheme: 'SCT', meaning: 'Mass' },
  processingEquipment: { value: '109102', scheme: 'DCM', meaning: 'Processing Equipment' },
  artificialIntelligence: { value: '123110', scheme: 'DCM', meaning: 'Artificial Intelligence' },
} as const satisfies Record<string, Code>;
