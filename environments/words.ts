// Eight words for a hash, so that two people, or two screens, can compare it aloud. Pure.

// Proquints (arXiv 0901.4016): no list of words to translate, and each can be said in any language.
const CONSONANTS = 'bdfghjklmnprstvz'
const VOWELS = 'aiou'

/** 16 bits as five letters, by the proquint scheme: consonant, vowel, consonant, vowel, consonant. */
function word(bits: number): string {
  const c = (shift: number) => CONSONANTS[(bits >> shift) & 15]
  const v = (shift: number) => VOWELS[(bits >> shift) & 3]
  return `${c(12)}${v(10)}${c(6)}${v(4)}${c(0)}`
}

/** The first 128 bits of a base64url text, as eight words. */
export function wordsOf(challenge: string): string[] {
  const bytes = Buffer.from(challenge, 'base64url')
  if (bytes.length < 16) throw new Error('a challenge has at least 16 bytes')
  return Array.from({ length: 8 }, (_, i) => word(bytes.readUInt16BE(i * 2)))
}
