import type { OutgoingHttpHeaders } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { Metadata, type StatusObject } from '@grpc/grpc-js'
import type { Denial } from '../terms/denial.ts'
import { type Detail, type DetailContext, detailsOf, messageOf, TYPE_PREFIX, wireText } from './details.ts'
import type { Protos } from './protos.ts'
import { answerOf, type ErrorCode } from './status.ts'

/** A denial as a gRPC status: code, message, request id, and google.rpc.Status in `grpc-status-details-bin`. */
export function denialStatus(denial: Denial, context: DetailContext, protos: Protos): StatusObject {
  const { code } = answerOf(denial.reason)
  const details = messageOf(denial, context)
  const metadata = new Metadata()
  metadata.set('x-request-id', context.requestId)
  metadata.set(DETAILS_HEADER, statusMessage({ code, details }, detailsOf(denial, context), protos))
  return { code, details, metadata }
}

/**
 * Answers a stream that grpc-js does not get to see. What the caller still sends is read and thrown away for `lingerMs`: a
 * reset right behind the answer, even one without an error, makes some clients lose it.
 */
export function refuseStream(stream: ServerHttp2Stream, status: StatusObject, lingerMs: number): void {
  if (stream.destroyed || stream.closed) return
  stream.respond(headersOnly(status), { endStream: true })
  stream.resume()
  closeAfter(stream, lingerMs)
}

/**
 * What grpc-js refuses by itself, before there is a handler, has no details, and `Internal` for a message that cannot be
 * decompressed, which clients take for a fault of the service. `reword` gives, for its code, the status to send instead.
 */
export function rewordRefusals(stream: ServerHttp2Stream, reword: (code: unknown) => StatusObject | undefined): void {
  const respond = stream.respond.bind(stream)
  stream.respond = (headers, options) => {
    const better = options?.endStream === true ? reword(Reflect.get(headers ?? {}, 'grpc-status')) : undefined
    respond(better === undefined ? headers : headersOnly(better), options)
  }
}

/** Cuts a stream that is still open after `ms`: its caller does not end its half, or does not read its answer. */
export function closeAfter(stream: ServerHttp2Stream, ms: number): void {
  const cut = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), ms)
  stream.once('close', () => clearTimeout(cut))
}

/** A status without details, for what is answered before there is a request of this service. */
export function bareStatus(code: ErrorCode, message: string, requestId: string): StatusObject {
  const metadata = new Metadata()
  metadata.set('x-request-id', requestId)
  return { code, details: wireText(message), metadata }
}

/** A whole answer in its headers ("Trailers-Only" of gRPC over HTTP/2). */
export function headersOnly({ code, details, metadata }: StatusObject): OutgoingHttpHeaders {
  return {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-status': code,
    'grpc-message': encodeURI(details),
    ...metadata.toHttp2Headers(),
  }
}

function statusMessage(
  { code, details: message }: { readonly code: number; readonly details: string },
  details: readonly Detail[],
  protos: Protos,
): Buffer {
  return protos.status({ code, message, details: details.map((detail) => anyOf(detail, protos)) })
}

function anyOf(detail: Detail, protos: Protos): { type_url: string; value: Buffer } {
  return { type_url: `${TYPE_PREFIX}${detail.name}`, value: serialize(detail, protos.details) }
}

function serialize({ name, message }: Detail, serializers: Protos['details']): Buffer {
  switch (name) {
    case 'google.rpc.ErrorInfo':
      return serializers[name](message)
    case 'google.rpc.RequestInfo':
      return serializers[name](message)
    case 'google.rpc.RetryInfo':
      return serializers[name](message)
    case 'google.rpc.BadRequest':
      return serializers[name](message)
    case 'google.rpc.Help':
      return serializers[name](message)
  }
}

const DETAILS_HEADER = 'grpc-status-details-bin'
