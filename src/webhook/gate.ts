import { Refusal } from './refusal.ts'

/** A gate for few at a time: the others wait in line, for so long and so many as it is told. */
export interface Gate {
  /** Resolves to what gives the place back. Refuses with 503 when the line is full or the wait too long. */
  enter(): Promise<() => void>
}

export interface GateLimits {
  readonly atOnce: number
  readonly waiting: number
  readonly waitMs: number
}

/** Bounds the memory that bodies take: anybody can send them, and their signature is known only at their end. */
export function createGate({ atOnce, waiting, waitMs }: GateLimits): Gate {
  let inside = 0
  const line: (() => void)[] = []

  const leave = () => {
    const next = line.shift()
    if (next === undefined) inside -= 1
    else next()
  }
  const onlyOnce = () => {
    let left = false
    return () => {
      if (left) return
      left = true
      leave()
    }
  }

  return {
    async enter() {
      if (inside < atOnce) {
        inside += 1
        return onlyOnce()
      }
      if (line.length >= waiting) throw tooMany()
      await new Promise<void>((resolve, reject) => {
        const turn = () => {
          clearTimeout(timer)
          resolve()
        }
        const timer = setTimeout(() => {
          line.splice(line.indexOf(turn), 1)
          reject(tooMany())
        }, waitMs)
        line.push(turn)
      })
      return onlyOnce()
    },
  }
}

function tooMany(): Refusal {
  return new Refusal(503, 'too many deliveries at once: send it again', RETRY_SECONDS)
}

const RETRY_SECONDS = 10
