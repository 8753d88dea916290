import { defineErrors } from '../core/index.ts'

/** Errors of the ledger room. */
export const LEDGER_ERRORS = defineErrors('ledger', {
  LEDGER_BLOCK_TOO_LARGE: { message: 'the microblock is larger than its cap', action: 'reject' },
  LEDGER_BLOCK_MALFORMED: { message: 'the bytes are not a microblock', action: 'reject' },
  LEDGER_BLOCK_ORIGIN: { message: 'the microblock belongs to another chain than asked for', action: 'reject' },
  LEDGER_BLOCK_LINK: { message: 'the microblocks do not follow each other', action: 'reject' },
  LEDGER_BLOCK_SIGNATURE: { message: 'the signature of the microblock is wrong', action: 'reject' },
  LEDGER_TOO_MANY_BLOCKS: { message: 'more microblocks than one answer may hold', action: 'reject' },
  LEDGER_HEAD_MALFORMED: { message: 'the announced head is not one', action: 'reject' },
  LEDGER_BLOCK_GAP: { message: 'microblocks before these are missing', action: 'ignore' },
  LEDGER_BLOCK_DIVERGES: {
    message: 'the microblock continues another chain than the one held',
    hint: 'Its origin has signed two chains: see "Two blocks at one number" in docs/operations/node.md.',
    action: 'ignore',
  },
  LEDGER_BLOCK_CONFLICT: {
    message: 'a different microblock is held at the same place of the chain',
    hint: 'See "Two blocks at one number" in docs/operations/node.md.',
    action: 'ignore',
  },
  LEDGER_KEY_UNKNOWN: {
    message: 'the key of the microblock is not known or did not count at its time',
    action: 'ignore',
  },
  LEDGER_NOT_KEPT: { message: 'this node does not keep the chains of others', action: 'ignore' },
  LEDGER_ORIGINS_FULL: { message: 'no room to remember another chain', action: 'ignore' },
  LEDGER_BUSY: { message: 'too much waits to be written to the ledger', action: 'ignore' },
  LEDGER_PAYLOAD_TOO_LARGE: {
    message: 'the payload is larger than its cap',
    hint: 'Store it in a file and append its hash.',
  },
  LEDGER_DAMAGED: {
    message: 'the ledger on disk is damaged',
    hint: 'Peers hold the chain. Stop the agent and follow "A damaged store" in docs/operations/node.md; append nothing before.',
  },
})
