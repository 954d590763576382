import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { KeyFault } from '../../src/keys/key-fault.ts'
import { patiently } from '../../src/keys/patience.ts'
import { createRemoteSigner, type SigningInput } from '../../src/keys/remote-signer.ts'
import { refusal } from '../support/refusal.ts'

const AWAY = new KeyFault('unavailable', 'away')
const NO = new KeyFault('refused', 'no')
const GOOD = new Uint8Array(256)
const LONG = { totalMs: 15_000, firstTryMs: 10_000 }

/** A key whose first answers are these; after them it is a good one. */
function scene(...answers: (KeyFault | Error | Uint8Array)[]) {
  const asked: SigningInput[] = []
  const sign = createRemoteSigner(async (input) => {
    asked.push(input)
    const answer = answers.shift() ?? GOOD
    if (answer instanceof Uint8Array) return answer
    throw answer
  }, LONG)
  return { sign, asked }
}

describe('a signer that is elsewhere', () => {
  test('hands over what is to be signed, and its SHA-256', async () => {
    const { sign, asked } = scene()
    await sign('header.payload')
    expect(asked).toEqual([
      { bytes: Buffer.from('header.payload'), digest: createHash('sha256').update('header.payload').digest() },
    ])
  })

  test.each([
    [[AWAY], undefined, 2],
    [[AWAY, AWAY], { reason: 'SIGNER_UNAVAILABLE', log: 'away' }, 2],
    [[NO], { reason: 'SIGNER_REFUSED', log: 'no' }, 1],
    [[AWAY, NO], { reason: 'SIGNER_REFUSED', log: 'no' }, 2],
  ])('asks once more exactly when that can help: %#', async (answers, expected, tries) => {
    const { sign, asked } = scene(...answers)
    expect(await refusal(sign('x'))).toEqual(expected)
    expect(asked.length).toBe(tries)
  })

  test.each([0, 64, 128, 255, 1025])('refuses a signature of %i bytes', async (length) => {
    expect(await refusal(scene(new Uint8Array(length)).sign('x'))).toEqual({
      reason: 'SIGNER_REFUSED',
      log: `the signature has ${length} bytes: the key must be an RSA key of 2048 to 8192 bits`,
    })
  })

  test.each([256, 384, 512, 1024])('takes a signature of %i bytes', async (length) => {
    expect((await scene(new Uint8Array(length)).sign('x')).length).toBe(length)
  })

  test('leaves a defect as it is', async () => {
    await expect(scene(new TypeError('a bug')).sign('x')).rejects.toThrow(new TypeError('a bug'))
  })

  test('tells callers nothing of what the service said', async () => {
    const { sign } = scene(new KeyFault('refused', 'arn:aws:kms:eu-central-1:1:key/secret-name'))
    await expect(sign('x')).rejects.toThrow(
      'the key management service refused to sign with the key of the GitHub App; the operator of this service must check its name and the right to use it',
    )
  })
})

describe('patience', () => {
  const never = () => new Promise<never>(() => {})

  test('ends for work that does not heed its signal', async () => {
    await expect(patiently(never, { totalMs: 20, firstTryMs: 10 })).rejects.toThrow(
      new KeyFault('unavailable', 'there was no answer within 0.01 s'),
    )
    await expect(patiently(never, { totalMs: 1_000, firstTryMs: 10 })).rejects.toThrow(
      new KeyFault('unavailable', 'there was no answer within 1 s'),
    )
  })

  test('does not begin what it has no time for, and says what went wrong before', async () => {
    let tries = 0
    const work = async () => {
      tries += 1
      throw AWAY
    }
    await expect(patiently(work, { totalMs: 20, firstTryMs: 10 })).rejects.toBe(AWAY)
    expect(tries).toBe(1)
  })

  test('tells the first try when to stop, and gives a second one the time that is left', async () => {
    const signals: AbortSignal[] = []
    const work = async (signal: AbortSignal) => {
      signals.push(signal)
      return signals.length === 1 ? never() : 'done'
    }
    expect(await patiently(work, { totalMs: 15_000, firstTryMs: 10 })).toBe('done')
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
  })
})
