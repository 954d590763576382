import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { dump, FAILSAFE_SCHEMA, load } from 'js-yaml'
import { pointerTo, readDocument } from '../../src/policy/document.ts'

describe('a document', () => {
  test.each<readonly [string, string, string]>([
    ['plain', 'a: b', '1:1'],
    ['after a byte order mark', '\uFEFFa: b', '1:1'],
    ['after CRLF', '# x\r\n\r\na: b', '3:1'],
    ['after CR', '# x\r\ra: b', '3:1'],
    ['in quotes', '  "a": b', '1:3'],
    ['in a flow mapping', '{x: y, a: b}', '1:8'],
    ['after characters outside the BMP', '{"😀": y, a: b}', '1:11'],
    ['with an empty value', 'a:', '1:1'],
    ['as an explicit key', '? a\n: b', '1:3'],
  ])('knows the place of a key: %s', (_, text, expected) => {
    const place = readDocument(text).place('/a')
    expect(`${place?.line}:${place?.column}`).toBe(expected)
  })

  test('knows the places of elements, and of nothing else', () => {
    const { place } = readDocument('a/b~:\n  - x\n  - y: z\n')
    expect(place('/a~1b~0')).toEqual({ line: 1, column: 1 })
    expect(place('/a~1b~0/0')).toEqual({ line: 2, column: 5 })
    expect(place('/a~1b~0/1/y')).toEqual({ line: 3, column: 5 })
    expect(place('/b')).toBeUndefined()
    expect(place('')).toBeUndefined()
  })

  test('reports every fault, not the first only', () => {
    const text = 'a: &x 1\na: !t 2\n? [k]\n: *x\n<<: {}\n*x : y\n'
    expect(readDocument(text).findings.map(({ line, message }) => `${line} ${message}`)).toEqual([
      '1 an anchor (&) is not allowed',
      '2 "a" is given twice',
      '2 a tag (!) is not allowed: every value is the text as written',
      '3 a key must be a text',
      '4 an alias (*) is not allowed: write the value out',
      '5 a merge key (<<) is not allowed: write the fields out',
      '6 an alias (*) is not allowed: write the value out',
    ])
  })

  test('but no more than 100', () => {
    expect(readDocument('a: &x b\n'.repeat(500)).findings).toHaveLength(100)
  })

  test('objects have no prototype', () => {
    const { root } = readDocument('__proto__: {polluted: x}\nconstructor: y')
    expect(Object.getPrototypeOf(root)).toBeNull()
    expect(Object.keys(root)).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('properties', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab1 :#-\'"[]{},&*!|>%@`~?\\\n\té😀') })
  const tree = fc.letrec<{ readonly node: unknown; readonly mapping: Record<string, unknown> }>((tie) => ({
    node: fc.oneof({ depthSize: 'small' }, text, fc.array(tie('node'), { maxLength: 4 }), tie('mapping')),
    mapping: fc.dictionary(text, tie('node'), { maxKeys: 4, noNullPrototype: true }),
  }))

  test('what js-yaml writes is read back, texts as they were', () => {
    fc.assert(
      fc.property(tree.mapping, (value) => {
        const { root, findings } = readDocument(dump(value, { schema: FAILSAFE_SCHEMA }))
        if (Object.keys(value).length === 0) return
        expect(findings).toEqual([])
        expect(JSON.parse(JSON.stringify(root))).toEqual(value)
      }),
    )
  })

  test('what js-yaml refuses is refused, and what is read is read alike', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab: :-[]{},"\'\n#|>?&*!') }), (source) => {
        const { root, findings } = readDocument(source)
        if (findings.length > 0) return
        expect(JSON.parse(JSON.stringify(root))).toEqual(load(source, { schema: FAILSAFE_SCHEMA }))
      }),
      { numRuns: 3000 },
    )
  })
})

test.each([
  ['/a', 'b/c~d', '/a/b~1c~0d'],
  ['', 0, '/0'],
])('a pointer from %j to %j', (pointer, name, expected) => {
  expect(pointerTo(pointer, name)).toBe(expected)
})
