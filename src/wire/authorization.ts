/**
 * The value of each `authorization` entry. Node keeps only the first of two such headers, on HTTP/1 and HTTP/2, so they
 * are counted in the raw list (name, value, name, value, …). A proxy may have joined two with a comma (RFC 9110 §5.3), and
 * no bearer token has one: those count as two again.
 */
export function authorizationsOf(rawHeaders: readonly string[]): readonly string[] {
  const values: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (name.length !== NAME.length || name.toLowerCase() !== NAME) continue
    const value = rawHeaders[index + 1] ?? ''
    if (value.includes(',')) values.push(...value.split(','))
    else values.push(value)
  }
  return values
}

const NAME = 'authorization'
