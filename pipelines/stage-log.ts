import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { RecordHandle } from '../prisma/client'
import { CHANNEL } from '../prisma/record'
import { Mask } from './mask'

const zip = promisify(gzip)

export const HEAD_BYTES = 1024 * 1024
export const TAIL_BYTES = 15 * 1024 * 1024
const CHUNK_BYTES = 256 * 1024
const FLUSH_MS = 250

/**
 * Keeps a stage's output: its first MiB and its last 15, in compressed pieces; a gap between them shows as a jump of
 * `offset`. At most a quarter of a second is in memory only, so a crash loses no more. Memory is bounded by what is kept.
 */
export class StageLog {
  private readonly mask: Mask
  private pending: Buffer[] = []
  private pendingBytes = 0
  /** Place in the whole output of the first pending byte. */
  private offset = 0
  private written = 0
  private seq = 0
  private readonly kept: { seq: number; bytes: number }[] = []
  private keptBytes = 0
  private timer: NodeJS.Timeout | undefined
  private flushing: Promise<void> = Promise.resolve()
  private failure: Error | undefined

  constructor(
    private readonly record: RecordHandle,
    private readonly stageId: number,
    private readonly epoch: number,
    secrets: readonly string[],
  ) {
    this.mask = new Mask(secrets)
  }

  /** Takes output. Resolves at once while there is room, else when the pieces before it are stored: that slows the reader. */
  write = async (bytes: Buffer): Promise<void> => {
    this.take(this.mask.push(bytes))
    if (this.pendingBytes >= CHUNK_BYTES) await this.flush()
    else this.timer ??= setTimeout(() => void this.flush(), FLUSH_MS)
  }

  say(line: string) {
    return this.write(Buffer.from(`\u001b[2m${line}\u001b[0m\n`))
  }

  /** Stores what is left. @throws where a piece could not be stored */
  async end(): Promise<number> {
    this.take(this.mask.end())
    await this.flush()
    if (this.failure) throw this.failure
    return this.written
  }

  private take(bytes: Buffer) {
    if (bytes.length === 0) return
    this.pending.push(bytes)
    this.pendingBytes += bytes.length
    this.written += bytes.length
  }

  private flush(): Promise<void> {
    clearTimeout(this.timer)
    this.timer = undefined
    this.flushing = this.flushing
      .then(() => this.store())
      .catch((error: Error) => {
        this.failure ??= error
      })
    return this.flushing
  }

  private async store() {
    if (this.pendingBytes === 0) return
    let bytes = Buffer.concat(this.pending, this.pendingBytes)
    let offset = this.offset
    this.offset += bytes.length
    this.pending = []
    this.pendingBytes = 0
    while (bytes.length > 0) {
      const inHead = offset < HEAD_BYTES
      const size = Math.min(bytes.length, inHead ? HEAD_BYTES - offset : TAIL_BYTES, CHUNK_BYTES * 4)
      await this.storePiece(bytes.subarray(0, size), offset, inHead)
      bytes = bytes.subarray(size)
      offset += size
    }
  }

  private async storePiece(bytes: Buffer, offset: number, inHead: boolean) {
    const seq = this.seq++
    const drop = inHead ? [] : this.forget(seq, bytes.length)
    await this.record.pool.query({
      name: 'store-log-piece',
      text: `WITH piece AS (
        INSERT INTO "LogChunk" ("stageId", epoch, seq, "offset", bytes, data) VALUES ($1, $2, $3, $4, $5, $6)
      ), gone AS (
        DELETE FROM "LogChunk" WHERE "stageId" = $1 AND epoch = $2 AND seq = ANY($7::int[])
      ), size AS (
        UPDATE "Stage" SET "logBytes" = $4::bigint + $5 WHERE id = $1 AND epoch = $2
      ) SELECT pg_notify('${CHANNEL}', 'log:' || $1)`,
      values: [this.stageId, this.epoch, seq, offset, bytes.length, await zip(bytes, { level: 1 }), drop],
    })
  }

  /** Notes a piece of the tail; gives the pieces that no longer fit in what is kept. */
  private forget(seq: number, bytes: number): number[] {
    this.kept.push({ seq, bytes })
    this.keptBytes += bytes
    const drop: number[] = []
    while (this.keptBytes > TAIL_BYTES && this.kept.length > 1) {
      const oldest = this.kept.shift()
      if (oldest === undefined) break
      this.keptBytes -= oldest.bytes
      drop.push(oldest.seq)
    }
    return drop
  }
}
