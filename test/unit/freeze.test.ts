import { describe, expect, it } from 'vitest'
import { parseEnvironment, problemInWords } from '../../environments/environment'
import { Freeze, frozenAt, nextFreeze } from '../../environments/freeze'

const weekend = (zone?: string): Freeze =>
  Freeze.parse({ from: 'Fri 18:00', to: 'Mon 08:00', reason: 'weekend', ...(zone === undefined ? {} : { zone }) })
const freeze = (from: string, to: string, zone?: string, reason = 'closed') =>
  Freeze.parse({ from, to, reason, ...(zone === undefined ? {} : { zone }) })

/** "since → until" in UTC, or "open". */
function at(moment: string, ...freezes: Freeze[]): string {
  const frozen = frozenAt(freezes, new Date(moment))
  if (!frozen) return 'open'
  const spoken = (date: Date) => date.toISOString().replace(':00.000Z', 'Z')
  return `${spoken(frozen.since)} → ${spoken(frozen.until)}`
}

describe('a weekly freeze', () => {
  it('holds from its beginning until just before its end, over the end of the week', () => {
    const span = '2026-11-20T18:00Z → 2026-11-23T08:00Z'
    expect(at('2026-11-20T17:59:59.999Z', weekend())).toBe('open')
    expect(at('2026-11-20T18:00:00Z', weekend())).toBe(span)
    expect(at('2026-11-22T00:00:00Z', weekend())).toBe(span)
    expect(at('2026-11-23T07:59:59.999Z', weekend())).toBe(span)
    expect(at('2026-11-23T08:00:00Z', weekend())).toBe('open')
  })

  it('is of the clock in its zone', () => {
    const span = '2026-11-20T10:00Z → 2026-11-23T00:00Z'
    expect(at('2026-11-20T09:59:00Z', weekend('Asia/Shanghai'))).toBe('open')
    expect(at('2026-11-20T10:00:00Z', weekend('Asia/Shanghai'))).toBe(span)
    expect(at('2026-11-22T23:59:00Z', weekend('Asia/Shanghai'))).toBe(span)
    expect(at('2026-11-23T00:00:00Z', weekend('Asia/Shanghai'))).toBe('open')
  })

  it('may begin and end on the same day, within it or all week but for it', () => {
    const lunch = freeze('Wed 12:00', 'Wed 13:00')
    expect(at('2026-11-18T12:30:00Z', lunch)).toBe('2026-11-18T12:00Z → 2026-11-18T13:00Z')
    expect(at('2026-11-18T13:00:00Z', lunch)).toBe('open')
    const onlyLunch = freeze('Wed 13:00', 'Wed 12:00')
    expect(at('2026-11-18T12:30:00Z', onlyLunch)).toBe('open')
    expect(at('2026-11-18T11:59:00Z', onlyLunch)).toBe('2026-11-11T13:00Z → 2026-11-18T12:00Z')
  })

  it('is not about the case of a day, nor about space', () => {
    expect(at('2026-11-21T00:00:00Z', freeze('fri  18:00', ' MON 08:00 '))).toBe(
      '2026-11-20T18:00Z → 2026-11-23T08:00Z',
    )
  })

  it('goes on over the turn of a year', () => {
    expect(at('2027-01-01T19:00:00Z', weekend())).toBe('2027-01-01T18:00Z → 2027-01-04T08:00Z')
    expect(at('2028-01-01T00:00:00Z', weekend())).toBe('2027-12-31T18:00Z → 2028-01-03T08:00Z')
  })
})

describe('a freeze by date', () => {
  const holidays = freeze('2026-12-24 18:00', '2027-01-04 08:00', 'Asia/Shanghai', 'holidays')

  it('holds once', () => {
    const span = '2026-12-24T10:00Z → 2027-01-04T00:00Z'
    expect(at('2026-12-24T09:59:00Z', holidays)).toBe('open')
    expect(at('2026-12-24T10:00:00Z', holidays)).toBe(span)
    expect(at('2027-01-03T23:59:00Z', holidays)).toBe(span)
    expect(at('2027-01-04T00:00:00Z', holidays)).toBe('open')
    expect(at('2027-12-25T00:00:00Z', holidays)).toBe('open')
  })
})

describe('several freezes', () => {
  it('end together, where the last of them does', () => {
    const holidays = freeze('2026-12-24 18:00', '2026-12-26 12:00', 'UTC', 'holidays')
    const found = frozenAt([holidays, weekend()], new Date('2026-12-25T20:00:00Z'))
    expect(found).toEqual({
      reason: 'weekend',
      since: new Date('2026-12-24T18:00:00Z'),
      until: new Date('2026-12-28T08:00:00Z'),
    })
  })

  it('that follow without a break are one', () => {
    const audit = freeze('2026-11-23 08:00', '2026-11-24 12:00', 'UTC', 'audit')
    expect(frozenAt([audit, weekend()], new Date('2026-11-21T00:00:00Z'))).toMatchObject({
      reason: 'weekend',
      until: new Date('2026-11-24T12:00:00Z'),
    })
    expect(at('2026-11-21T00:00:00Z', freeze('2026-11-23 08:01', '2026-11-24 12:00'), weekend())).toBe(
      '2026-11-20T18:00Z → 2026-11-23T08:00Z',
    )
  })

  it('may be of several zones', () => {
    const both = [weekend('Asia/Shanghai'), weekend('America/New_York')]
    expect(at('2026-11-20T10:00:00Z', ...both)).toBe('2026-11-20T10:00Z → 2026-11-23T13:00Z')
  })

  it('without any gap are told with an end all the same, and soon', () => {
    const always = [freeze('Mon 00:00', 'Thu 00:00'), freeze('Thu 00:00', 'Mon 00:00')]
    expect(frozenAt(Array(20).fill(always).flat(), new Date('2026-11-18T00:00:00Z'))?.until.getTime()).toBeGreaterThan(
      Date.parse('2026-12-01T00:00:00Z'),
    )
  })

  it('are none where there are none', () => {
    expect(at('2026-11-21T00:00:00Z')).toBe('open')
  })
})

describe('a change of the clock', () => {
  it('in spring makes the weekend an hour shorter', () => {
    // Berlin, 29 March 2026: 02:00 CET is 03:00 CEST.
    expect(at('2026-03-28T00:00:00Z', weekend('Europe/Berlin'))).toBe('2026-03-27T17:00Z → 2026-03-30T06:00Z')
  })

  it('in autumn makes the weekend an hour longer', () => {
    // Berlin, 25 October 2026: 03:00 CEST is 02:00 CET.
    expect(at('2026-10-24T00:00:00Z', weekend('Europe/Berlin'))).toBe('2026-10-23T16:00Z → 2026-10-26T07:00Z')
    expect(at('2026-10-26T06:59:59Z', weekend('Europe/Berlin'))).toBe('2026-10-23T16:00Z → 2026-10-26T07:00Z')
    expect(at('2026-10-26T07:00:00Z', weekend('Europe/Berlin'))).toBe('open')
  })

  it('does not touch a zone that knows none', () => {
    for (const day of ['2026-03-28', '2026-10-24'])
      expect(at(`${day}T00:00:00Z`, weekend('Asia/Shanghai'))).toMatch(/T10:00Z → .*T00:00Z$/)
  })

  it('may leave the beginning out: then it begins with the change', () => {
    const night = freeze('Sun 02:30', 'Sun 05:00', 'Europe/Berlin')
    expect(at('2026-03-29T00:59:59Z', night)).toBe('open')
    expect(at('2026-03-29T01:00:00Z', night)).toBe('2026-03-29T01:00Z → 2026-03-29T03:00Z')
  })

  it('may leave the end out: then it ends with the change', () => {
    const night = freeze('2026-03-28 22:00', '2026-03-29 02:30', 'Europe/Berlin')
    expect(at('2026-03-29T00:59:59Z', night)).toBe('2026-03-28T21:00Z → 2026-03-29T01:00Z')
    expect(at('2026-03-29T01:00:00Z', night)).toBe('open')
  })

  it('may bring the beginning and the end twice: it holds from the first until the last, without a break', () => {
    expect(at('2026-10-25T00:29:00Z', freeze('Sun 02:30', 'Sun 05:00', 'Europe/Berlin'))).toBe('open')
    for (const moment of ['2026-10-25T00:30:00Z', '2026-10-25T01:10:00Z', '2026-10-25T03:59:00Z'])
      expect(at(moment, freeze('Sun 02:30', 'Sun 05:00', 'Europe/Berlin'))).toBe(
        '2026-10-25T00:30Z → 2026-10-25T04:00Z',
      )
    for (const moment of ['2026-10-25T00:45:00Z', '2026-10-25T01:29:00Z'])
      expect(at(moment, freeze('Sat 22:00', 'Sun 02:30', 'Europe/Berlin'))).toBe(
        '2026-10-24T20:00Z → 2026-10-25T01:30Z',
      )
    expect(at('2026-10-25T01:30:00Z', freeze('Sat 22:00', 'Sun 02:30', 'Europe/Berlin'))).toBe('open')
  })

  it('may be of half an hour, or leave out a whole day', () => {
    // Lord Howe, 5 April 2026: 02:00 is 01:30 again. Samoa had no 30 December 2011.
    expect(at('2026-04-04T14:50:00Z', freeze('Sun 01:45', 'Sun 03:00', 'Australia/Lord_Howe'))).toBe(
      '2026-04-04T14:45Z → 2026-04-04T16:30Z',
    )
    expect(at('2011-12-30T10:00:00Z', freeze('2011-12-30 12:00', '2011-12-31 12:00', 'Pacific/Apia'))).toBe(
      '2011-12-30T10:00Z → 2011-12-30T22:00Z',
    )
  })

  it('is found all through a year to be what a clock on the wall would say', () => {
    for (const zone of ['Europe/Berlin', 'Pacific/Chatham']) {
      const clock = new Intl.DateTimeFormat('en-GB', {
        timeZone: zone,
        weekday: 'short',
        hour: '2-digit',
        minute: '2-digit',
      })
      const friday = weekend(zone)
      for (let moment = Date.UTC(2026, 0, 1); moment < Date.UTC(2027, 0, 1); moment += 311 * 60_000) {
        const [day = '', time = ''] = clock.format(moment).split(/,? /)
        const closed =
          day === 'Sat' || day === 'Sun' || (day === 'Fri' && time >= '18:00') || (day === 'Mon' && time < '08:00')
        expect(frozenAt([friday], new Date(moment)) !== null, `${zone} ${day} ${time}`).toBe(closed)
      }
    }
  })
})

describe('a freeze in the file of an environment', () => {
  const problems = (line: string) => {
    const parsed = parseEnvironment(
      `name: test\nstart: automatic\ntarget: { kind: docker }\nfreeze:\n  - ${line}\n`,
      'test.yaml',
    )
    return parsed.ok ? [] : parsed.problems.map(problemInWords)
  }

  it.each([
    '{ from: "Fri 18:00", to: "Mon 08:00", zone: Asia/Shanghai, reason: weekend }',
    '{ from: Fri 18:00, to: Mon 08:00, reason: weekend }',
    '{ from: 2026-12-24 18:00, to: 2027-01-04 08:00, zone: UTC, reason: holidays }',
  ])('may be %s', (line) => {
    expect(problems(line)).toEqual([])
  })

  it.each<[string, string]>([
    ['{ from: "Frei 18:00", to: "Mon 08:00", reason: r }', 'freeze[0].from: "Frei" is no day: write Fri'],
    ['{ from: "Friday 18:00", to: "Mon 08:00", reason: r }', 'freeze[0].from: "Friday" is no day: write Fri'],
    [
      '{ from: "Xyz 18:00", to: "Mon 08:00", reason: r }',
      'freeze[0].from: "Xyz" is no day: write one of Mon, Tue, Wed, Thu, Fri, Sat, Sun',
    ],
    [
      '{ from: "Fri 24:00", to: "Mon 08:00", reason: r }',
      'freeze[0].from: "Fri 24:00" needs a time from 00:00 to 23:59, as in "Fri 18:00"',
    ],
    ['{ from: "Fri", to: "Mon 08:00", reason: r }', 'freeze[0].from: "Fri" needs a time'],
    ['{ from: "Fri 18:00 CET", to: "Mon 08:00", reason: r }', 'freeze[0].from: "Fri 18:00 CET" needs a time'],
    ['{ from: "18:00", to: "Mon 08:00", reason: r }', 'freeze[0].from: must be a day and a time, as in "Fri 18:00"'],
    [
      '{ from: "2026-02-30 18:00", to: "2026-03-01 08:00", reason: r }',
      'freeze[0].from: 2026-02-30 is no day of the calendar',
    ],
    [
      '{ from: "Fri 18:00", to: "2026-12-24 08:00", reason: r }',
      'freeze[0].to: must be a day of the week like `from`, found "2026-12-24 08:00"',
    ],
    ['{ from: "2026-12-24 08:00", to: "Fri 18:00", reason: r }', 'freeze[0].to: must be a date like `from`'],
    ['{ from: "Fri 18:00", to: "fri 18:00", reason: r }', 'freeze[0].to: is when the freeze begins'],
    [
      '{ from: "2026-12-24 18:00", to: "2026-12-24 17:00", reason: r }',
      'freeze[0].to: lies before `from`, 2026-12-24 18:00',
    ],
    [
      '{ from: "Fri 18:00", to: "Mon 08:00", zone: Asia/Shangai, reason: r }',
      'freeze[0].zone: is no zone that is known here; did you mean Asia/Shanghai?',
    ],
    ['{ from: "Fri 18:00", to: "Mon 08:00", zone: "+08:00", reason: r }', 'freeze[0].zone: is no zone'],
    ['{ from: "Fri 18:00", to: "Mon 08:00", zone: "../etc/passwd", reason: r }', 'freeze[0].zone: is no zone'],
    ['{ from: "Fri 18:00", to: "Mon 08:00" }', 'freeze[0].reason: is missing'],
    ['{ from: "Fri 18:00", til: "Mon 08:00", reason: r }', 'freeze[0].to: is missing'],
    ['{ form: "Fri 18:00", to: "Mon 08:00", reason: r }', 'freeze[0].form: is not known here; did you mean `from`?'],
  ])('is refused as %s', (line, told) => {
    expect(problems(line).join('\n')).toContain(`test.yaml:5 ${told}`)
  })

  it('has both ends and its zone told at once', () => {
    expect(problems('{ from: a, to: b, zone: c, reason: r }')).toHaveLength(3)
  })
})

describe('the freeze that comes next', () => {
  const next = (moment: string, ...freezes: Freeze[]) => {
    const span = nextFreeze(freezes, new Date(moment))
    return span === null
      ? 'none'
      : `${span.since.toISOString().slice(0, 16)} → ${span.until.toISOString().slice(0, 16)}`
  }

  it('is announced for a week, and no longer once it holds', () => {
    const christmas = freeze('2026-12-24 18:00', '2027-01-04 08:00')
    expect(next('2026-12-17T17:59:00Z', christmas)).toBe('none')
    expect(next('2026-12-17T18:00:00Z', christmas)).toBe('2026-12-24T18:00 → 2027-01-04T08:00')
    expect(next('2026-12-24T17:59:59Z', christmas)).toBe('2026-12-24T18:00 → 2027-01-04T08:00')
    expect(next('2026-12-24T18:00:00Z', christmas)).toBe('none')
    expect(next('2027-01-05T00:00:00Z', christmas)).toBe('none')
  })

  it('of a weekly one is this week, or the week after while it holds', () => {
    expect(next('2026-11-18T00:00:00Z', weekend())).toBe('2026-11-20T18:00 → 2026-11-23T08:00')
    expect(next('2026-11-20T18:00:00Z', weekend())).toBe('2026-11-27T18:00 → 2026-11-30T08:00')
    expect(next('2026-11-21T00:00:00Z', weekend())).toBe('2026-11-27T18:00 → 2026-11-30T08:00')
    expect(next('2026-11-18T00:00:00Z', weekend('Asia/Shanghai'))).toBe('2026-11-20T10:00 → 2026-11-23T00:00')
  })

  it('is the earliest of several, with the reason and the end of all that follow without a break', () => {
    const monday = freeze('Mon 08:00', 'Mon 12:00', undefined, 'stocktaking')
    expect(next('2026-11-18T00:00:00Z', monday, weekend())).toBe('2026-11-20T18:00 → 2026-11-23T12:00')
    expect(nextFreeze([monday, weekend()], new Date('2026-11-18T00:00:00Z'))?.reason).toBe('weekend')
    // What prolongs the one that holds is no other one.
    expect(next('2026-11-22T00:00:00Z', monday, weekend())).toBe('2026-11-27T18:00 → 2026-11-30T12:00')
  })

  it('begins by the clock on the wall, also where that is changed in between', () => {
    // Clocks in Berlin go forward on 28 March 2027 and back on 31 October 2027, both at night.
    const berlin = freeze('Sun 02:30', 'Sun 06:00', 'Europe/Berlin')
    expect(next('2027-03-27T12:00:00Z', berlin)).toBe('2027-03-28T01:00 → 2027-03-28T04:00')
    // 02:30 comes twice: it begins at the first.
    expect(next('2027-10-30T12:00:00Z', berlin)).toBe('2027-10-31T00:30 → 2027-10-31T05:00')
    expect(next('2027-10-31T05:00:00Z', berlin)).toBe('2027-11-07T01:30 → 2027-11-07T05:00')
    const friday = weekend('Europe/Berlin')
    expect(next('2027-03-24T00:00:00Z', friday)).toBe('2027-03-26T17:00 → 2027-03-29T06:00')
  })

  it('is none where nothing freezes', () => {
    expect(next('2026-11-18T00:00:00Z')).toBe('none')
  })

  it.each(['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'])(
    'is what comes first by frozenAt, all through a year: %s',
    (zone) => {
      const freezes = [weekend(zone), freeze('Wed 23:30', 'Thu 02:15', zone)]
      const isFrozen = (at: number) => frozenAt(freezes, new Date(at)) !== null
      for (let at = Date.UTC(2027, 0, 1); at < Date.UTC(2028, 0, 1); at += 67 * 3_600_000) {
        const span = nextFreeze(freezes, new Date(at))
        if (span === null) throw new Error(`${new Date(at).toISOString()}: a weekly freeze comes every week`)
        const from = frozenAt(freezes, new Date(at))?.until.getTime() ?? at
        const [begins, ends] = [span.since.getTime(), span.until.getTime()]
        for (let open = from; open < begins; open += 3_600_000)
          if (isFrozen(open))
            throw new Error(`${new Date(open).toISOString()} is frozen before ${span.since.toISOString()}`)
        expect([isFrozen(begins - 1), isFrozen(begins), isFrozen(ends - 1), isFrozen(ends)]).toEqual([
          false,
          true,
          true,
          false,
        ])
      }
    },
  )
})
