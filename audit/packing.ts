// What leaves the house is packed file by file, as a folder or as a zip, with the sums of all of it at the end.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Zip, ZipDeflate } from 'fflate'
import { Fault } from '../pipelines/fault'

export const MANIFEST = 'MANIFEST.sha256'
/** What a zip can count without its 64-bit form, which fflate does not write. */
const MOST_ZIP_FILES = 65_000
const MOST_ZIP_BYTES = 2 ** 32 - 2 ** 24
/** Fast, and a third of the size: what is in it is mostly hashes. */
const LEVEL = 3

type Bytes = Uint8Array | string
/** One file at a time, written to its end. */
interface Box {
  begin(name: string): Promise<void>
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<void>
  /** Everything is on the disk, under its own name, when this resolves. */
  close(): Promise<void>
  /** Leaves nothing behind. Safe after a failure at any point. */
  abandon(): Promise<void>
}

export class Pack {
  private readonly sums = new Map<string, string>()
  constructor(private readonly box: Box) {}

  /** @param pieces in order; one is held at a time */
  async file(name: string, pieces: AsyncIterable<Bytes> | Iterable<Bytes>) {
    if (this.sums.has(name)) throw new Error(`${name} is packed already`)
    const hash = createHash('sha256')
    await this.box.begin(name)
    for await (const piece of pieces) {
      const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
      hash.update(bytes)
      await this.box.write(bytes)
    }
    await this.box.end()
    this.sums.set(name, hash.digest('hex'))
  }

  has = (name: string) => this.sums.has(name)

  /** The manifest is the last file. */
  async close() {
    const lines = [...this.sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, sum]) => `${sum}  ${name}\n`)
    await this.box.begin(MANIFEST)
    await this.box.write(Buffer.from(lines.join('')))
    await this.box.end()
    await this.box.close()
  }

  abandon = () => this.box.abandon()
}

/** Packs with what `fill` puts in; where that fails nothing stays behind. */
export async function packed<T>(box: Box, fill: (pack: Pack) => Promise<T>): Promise<T> {
  const pack = new Pack(box)
  try {
    const made = await fill(pack)
    await pack.close()
    return made
  } catch (error) {
    await pack.abandon()
    throw error
  }
}

/** @throws Fault conflict where the folder is there and is not empty */
export async function folderBox(dir: string): Promise<Box> {
  if (existsSync(dir) && (await readdir(dir)).length > 0)
    throw new Fault('conflict', `${dir} is not empty: name a folder that is not there yet`)
  await mkdir(dir, { recursive: true })
  let file: FileHandle | undefined
  const shut = async () => {
    await file?.close()
    file = undefined
  }
  return {
    async begin(name) {
      const path = join(dir, name)
      await mkdir(dirname(path), { recursive: true })
      file = await open(path, 'wx', 0o644)
    },
    async write(bytes) {
      await file?.writeFile(bytes)
    },
    end: shut,
    async close() {},
    async abandon() {
      await shut()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Written beside it first: a zip under its own name is whole. Throws Fault conflict where it grows past what a zip can be. */
export async function zipBox(path: string): Promise<Box> {
  const part = `${path}.${process.pid}.part`
  const handle = await open(part, 'w', 0o600)
  const made: Uint8Array[] = []
  let failed: Error | null = null
  let [files, bytes] = [0, 0]
  const zip = new Zip((error, chunk) => {
    if (error) failed = error
    else made.push(chunk)
  })
  const flush = async () => {
    if (failed !== null) throw failed
    for (const chunk of made.splice(0)) {
      bytes += chunk.length
      await handle.writeFile(chunk)
    }
    if (bytes > MOST_ZIP_BYTES || files > MOST_ZIP_FILES)
      throw new Fault(
        'conflict',
        'this is too much for a zip: take it as a folder, with `shiplock audit export FOLDER`',
      )
  }
  let file: ZipDeflate | undefined
  return {
    async begin(name) {
      files += 1
      file = new ZipDeflate(name, { level: LEVEL })
      zip.add(file)
    },
    async write(chunk) {
      file?.push(chunk)
      await flush()
    },
    async end() {
      file?.push(new Uint8Array(0), true)
      await flush()
    },
    async close() {
      zip.end()
      await flush()
      await handle.close()
      await rename(part, path)
    },
    async abandon() {
      zip.terminate()
      await handle.close()
      await rm(part, { force: true })
    },
  }
}
