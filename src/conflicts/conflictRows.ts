/** Between rows of the table of conflicts and conflicts. What is read is parsed. */

import { z } from 'zod';
import {
  CONFLICT_KINDS,
  ConflictKind,
  ConflictSide,
  RecordedConflict,
} from './describeConflicts';
import { hashOf } from '../store/stateRows';

/** A conflict with what it is borne out by. */
export interface StoredConflict extends RecordedConflict {
  readonly hash: string;
  /** What the catalog made of the refused file then. */
  readonly resultHash?: string;
}

const Row = z.object({
  conflict_hash: z.string(),
  kind: z.enum(CONFLICT_KINDS),
  entity_ref: z.string(),
  refused_key: z.string(),
  refused_target: z.string().nullable(),
  holder_key: z.string(),
  holder_target: z.string().nullable(),
  result_hash: z.string().nullable(),
});

/** @throws an error when the row is not as this version writes it */
export function parseConflictRow(row: unknown): StoredConflict {
  const parsed = Row.parse(row);
  return {
    hash: parsed.conflict_hash,
    kind: parsed.kind,
    entityRef: parsed.entity_ref,
    refused: toSide(parsed.refused_key, parsed.refused_target),
    holder: toSide(parsed.holder_key, parsed.holder_target),
    ...(parsed.result_hash !== null && { resultHash: parsed.result_hash }),
  };
}

/** Of several rows about the same refusal there is only one. */
export function toConflictRow(
  conflict: RecordedConflict & { readonly resultHash?: string },
  seenAtMs: number,
) {
  const { kind, entityRef, refused, holder, resultHash } = conflict;
  return {
    conflict_hash: hashConflict(kind, entityRef, refused),
    kind,
    entity_ref: entityRef,
    refused_key: refused.locationKey,
    refused_target: refused.targetUrl ?? null,
    holder_key: holder.locationKey,
    holder_target: holder.targetUrl ?? null,
    result_hash: resultHash ?? null,
    seen_at_ms: seenAtMs,
  };
}

function hashConflict(
  kind: ConflictKind,
  entityRef: string,
  { locationKey, targetUrl = '' }: ConflictSide,
): string {
  return hashOf(JSON.stringify([kind, entityRef, locationKey, targetUrl]));
}

function toSide(locationKey: string, targetUrl: string | null): ConflictSide {
  return { locationKey, ...(targetUrl !== null && { targetUrl }) };
}
