/** What a delivery is answered: `message` is safe for anybody, and is what GitHub shows the App's owner. */
export interface WebhookAnswer {
  readonly status: number
  readonly message: string
  /** When to send it again, for answers of 503. */
  readonly retryAfterSeconds?: number
}

/** A delivery that is not taken. */
export class Refusal extends Error {
  readonly answer: WebhookAnswer

  constructor(status: number, message: string, retryAfterSeconds?: number) {
    super(message)
    this.name = 'Refusal'
    this.answer = { status, message, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
  }
}
