// A row of a conversation, as the database has it and the machine makes it: its shape, and its place.

/**
 * @typedef {object} StoredRow
 * @property {string} chat Key of the conversation.
 * @property {number} era
 * @property {number} seq Number on the server. A refused message has that of the row before it; a gap its last one.
 * @property {number} sub Orders rows of one number: 0 a message, 1 a gap or damage, above that refused messages.
 * @property {"message"|"gap"|"damaged"|"refused"} kind
 * @property {number} [first] The first number of a gap, or of what is damaged.
 * @property {string} [id] @property {string} [from] @property {string} [text] @property {boolean} [erased]
 * @property {number} [time] @property {string} [reason]
 */

/** Compares the places of two rows of a conversation: a store before that of an earlier backup has a lower era. */
export function comparePlaces(one, other) {
  return one.era - other.era || one.seq - other.seq || one.sub - other.sub;
}
