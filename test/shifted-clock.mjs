// Loaded before a process's own modules: its clock is off by SHIFT_CLOCK_MS, as where nobody sets it. What goes by is right.
const off = Number(process.env.SHIFT_CLOCK_MS ?? 0)
const Right = Date
class Shifted extends Right {
  constructor(...given) {
    if (given.length === 0) super(Right.now() + off)
    else super(...given)
  }
  static now() {
    return Right.now() + off
  }
}
globalThis.Date = Shifted
