import type { Code } from '../dicom/codes.ts';
import type { Dataset } from '../dicom/dataset.ts';
import { writePart10 } from '../dicom/write.ts';
import { NOTICE } from '../findings/schema.ts';
import { composite } from './composite.ts';
import { dicomDateTime } from './date-time.ts';
import { nameOf } from './provenance.ts';
import { SEGMENTATION_STORAGE } from './seg.ts';
import { CONCEPTS } from './sr/concepts.ts';
import { code, container, type Item, image, personName, related, text } from './sr/content.ts';
import { personName as asPersonName } from './text.ts';
import type { ObjectUids } from './uids.ts';

/** Basic Text SR Storage, PS3.4 table B.5-1. */
const BASIC_TEXT_SR_STORAGE = '1.2.840.10008.5.1.4.1.1.88.11';

/** What a person said of a result. */
export interface ReviewInput {
  readonly runId: string;
  readonly studyInstanceUid: string;
  /** Dataset of an image of the source, whose patient and study attributes the review copies. */
  readonly header: Dataset;
  readonly verdict: 'accepted' | 'rejected';
  readonly comment: string | null;
  /** null where nobody had to sign in. */
  readonly reviewer: string | null;
  readonly createdAt: Date;
  readonly uids: ObjectUids;
  /** The same person's review before, which this one takes the place of. */
  readonly predecessor: ObjectUids | null;
  /** Of the result that was judged. */
  readonly seg: ObjectUids;
  readonly modelDigest: string;
  readonly softwareVersion: string;
}

/** No context group of PS3.16 has words for this. */
const ours = (value: string, meaning: string): Code => ({ value, scheme: '99HEPAR', meaning });
const VERDICT = ours('verdict', 'Verdict on an analysis result');
const VERDICTS = { accepted: ours('accepted', 'Accepted'), rejected: ours('rejected', 'Rejected') } as const;

/**
 * Writes a person's verdict as a Part 10 file of the Basic Text SR IOD (PS3.3 section A.35.1), which every archive and
 * viewer of reports knows: the verdict as a code, who gave it, and the segmentation that it is about. Where the person had
 * signed in the document is verified by that person (section C.17.2); a second verdict names the first as its predecessor.
 * The Content Assessment Results IOD (section A.81) would say the same, but hardly anything shows it. The same input gives
 * the same bytes.
 */
export function buildReview(input: ReviewInput): Uint8Array {
  const { uids, seg, studyInstanceUid, predecessor } = input;
  const { attributes, raw, created } = composite(
    { ...input, series: { studyInstanceUid, header: input.header } },
    {
      kind: 'review',
      sopClassUid: BASIC_TEXT_SR_STORAGE,
      modality: 'SR',
      seriesDescription: 'Reviews of a result by Hepar (research use only)',
    },
  );
  const dataset = {
    ...attributes,
    SOPInstanceUID: uids.sopInstanceUID,
    SeriesInstanceUID: uids.seriesInstanceUID,
    // SR Document Series, PS3.3 section C.17.1
    ReferencedPerformedProcedureStepSequence: [],
    // SR Document General, section C.17.2
    ContentDate: created.date,
    ContentTime: created.time,
    CompletionFlag: 'COMPLETE',
    ...verification(input),
    PerformedProcedureCodeSequence: [],
    ...(predecessor
      ? { PredecessorDocumentsSequence: [reference(studyInstanceUid, predecessor, BASIC_TEXT_SR_STORAGE)] }
      : {}),
    CurrentRequestedProcedureEvidenceSequence: [reference(studyInstanceUid, seg, SEGMENTATION_STORAGE)],
    ...content(input),
  };
  return writePart10(dataset, { raw });
}

function content({ runId, reviewer, verdict, comment, seg }: ReviewInput): Item {
  const observer =
    reviewer === null
      ? []
      : [code(CONCEPTS.observerType, CONCEPTS.person), personName(CONCEPTS.personObserverName, asPersonName(reviewer))];
  const what = `${NOTICE} Result of run ${runId}: ${verdict} by ${nameOf(reviewer)}.`;
  return container(CONCEPTS.contentAssessmentResult, null, [
    ...related('HAS CONCEPT MOD', [code(CONCEPTS.language, CONCEPTS.english)]),
    ...related('HAS OBS CONTEXT', observer),
    ...related('CONTAINS', [
      code(VERDICT, VERDICTS[verdict]),
      image(null, { sopClassUid: SEGMENTATION_STORAGE, sopInstanceUid: seg.sopInstanceUID }),
      text(CONCEPTS.summary, what),
      ...(comment === null ? [] : [text(CONCEPTS.comment, comment)]),
    ]),
  ]);
}

/** Verified by whoever signed in; their organisation is not ours to know, and may not be left empty. */
function verification({ reviewer, createdAt, header }: ReviewInput): object {
  if (reviewer === null) return { VerificationFlag: 'UNVERIFIED' };
  const { date, time } = dicomDateTime(createdAt, header);
  return {
    VerificationFlag: 'VERIFIED',
    VerifyingObserverSequence: [
      {
        VerifyingOrganization: 'Not stated',
        VerificationDateTime: `${date}${time}`,
        VerifyingObserverName: [{ Alphabetic: asPersonName(reviewer) }],
        VerifyingObserverIdentificationCodeSequence: [],
      },
    ],
  };
}

/** Hierarchical SOP Instance Reference Macro (PS3.3 section C.17.2.1). */
function reference(studyInstanceUid: string, uids: ObjectUids, sopClassUid: string): object {
  return {
    StudyInstanceUID: studyInstanceUid,
    ReferencedSeriesSequence: [
      {
        SeriesInstanceUID: uids.seriesInstanceUID,
        ReferencedSOPSequence: [{ ReferencedSOPClassUID: sopClassUid, ReferencedSOPInstanceUID: uids.sopInstanceUID }],
      },
    ],
  };
}
