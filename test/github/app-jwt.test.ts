import { describe, expect, test } from '@jest/globals'
import { createAppJwt } from '../../src/github/app-jwt.ts'

const START = Date.UTC(2026, 10, 23)

function createScene(fail: { next: boolean } = { next: false }) {
  let time = START
  let signatures = 0
  const sign = async () => {
    if (fail.next) throw new Error('the KMS is away')
    signatures += 1
    return Buffer.from(`signature ${signatures}`)
  }
  const jwt = createAppJwt({ appId: 7, sign, clock: { now: () => time } })
  return {
    jwt,
    signatures: () => signatures,
    advance(ms: number) {
      time += ms
    },
  }
}

function part(jwt: string, index: number): unknown {
  return JSON.parse(Buffer.from(jwt.split('.')[index] ?? '', 'base64url').toString())
}

describe('the JWT of the App', () => {
  test('is issued a minute ago and lives for nine, by RS256', async () => {
    const { jwt } = await createScene().jwt.get()
    expect(part(jwt, 0)).toEqual({ alg: 'RS256', typ: 'JWT' })
    expect(part(jwt, 1)).toEqual({ iat: START / 1000 - 60, exp: START / 1000 + 540, iss: '7' })
  })

  test('is signed once for all who want it, until a minute before its end', async () => {
    const scene = createScene()
    await Promise.all(Array.from({ length: 20 }, () => scene.jwt.get()))
    scene.advance(8 * 60_000 - 1)
    await scene.jwt.get()
    expect(scene.signatures()).toBe(1)
    scene.advance(1)
    const { jwt } = await scene.jwt.get()
    expect(scene.signatures()).toBe(2)
    expect(part(jwt, 1)).toMatchObject({ exp: START / 1000 + 8 * 60 + 540 })
  })

  test('is signed anew when the clock was set back', async () => {
    const scene = createScene()
    await scene.jwt.get()
    scene.advance(-3_600_000)
    await scene.jwt.get()
    expect(scene.signatures()).toBe(2)
  })

  test('that was refused is signed anew once, however many were refused with it', async () => {
    const { jwt, signatures } = createScene()
    await jwt.get()
    const refused = jwt.serial()
    jwt.discard(refused)
    await jwt.get()
    jwt.discard(refused)
    await jwt.get()
    expect(signatures()).toBe(2)
  })

  test('follows the clock of GitHub when that differs, and keeps to it', async () => {
    const scene = createScene()
    await scene.jwt.get()
    expect(part((await scene.jwt.get(-300)).jwt, 1)).toMatchObject({ exp: START / 1000 - 300 + 540 })
    scene.advance(8 * 60_000)
    expect(part((await scene.jwt.get()).jwt, 1)).toMatchObject({ exp: START / 1000 + 480 - 300 + 540 })
    expect(part((await scene.jwt.get(Number.NaN)).jwt, 1)).toMatchObject({ exp: START / 1000 + 480 + 540 })
  })

  test('that could not be signed is signed by whoever wants it a second later, and asked for once until then', async () => {
    const fail = { next: true }
    const scene = createScene(fail)
    await expect(scene.jwt.get()).rejects.toThrow('the KMS is away')
    fail.next = false
    scene.advance(999)
    await expect(scene.jwt.get()).rejects.toThrow('the KMS is away')
    scene.advance(1)
    await scene.jwt.get()
    expect(scene.signatures()).toBe(1)
  })
})
