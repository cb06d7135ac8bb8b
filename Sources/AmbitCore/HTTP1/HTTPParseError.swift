/// Why a request is not read any further. The connection ends after the answer: where the next request would begin
/// can no longer be told.
public enum HTTPParseError: Error, Sendable, Equatable, CaseIterable {
  case bareLineFeed, bareCarriageReturn, tooManyEmptyLines
  case invalidMethod, invalidTarget, unsuitableTarget, malformedVersion, unsupportedVersion
  case foldedField, emptyFieldName, whitespaceBeforeColon, invalidFieldName, invalidFieldValue
  case missingHost, repeatedHost, invalidHost
  case malformedContentLength, repeatedContentLength, twoLengths
  case malformedTransferEncoding, transferEncodingInOldVersion, unknownTransferCoding
  case unknownExpectation
  case targetTooLong, headTooLong, tooManyFields
  case malformedChunkSize, chunkTooLarge, malformedChunkExtension, chunkExtensionsTooLong
  case malformedChunkEnd, trailersTooLong
}

extension HTTPParseError {
  /// The status code of the answer.
  public var status: UInt16 {
    switch self {
    case .targetTooLong: 414
    case .unknownExpectation: 417
    case .headTooLong, .tooManyFields, .trailersTooLong: 431
    case .unknownTransferCoding: 501
    case .unsupportedVersion: 505
    default: 400
    }
  }

  /// One line for the client, without a line end.
  public var text: StaticString {
    switch self {
    case .bareLineFeed: "a line ends in LF alone; expected CR LF"
    case .bareCarriageReturn: "a CR is not followed by LF"
    case .tooManyEmptyLines: "too many empty lines before the request line"
    case .invalidMethod: "the request line does not begin with a method and one space"
    case .invalidTarget: "the request target is empty, malformed, or has a byte that must be percent-encoded"
    case .unsuitableTarget: "this form of request target does not go with the method"
    case .malformedVersion: "the request line does not end in one space and HTTP/1.1 or HTTP/1.0"
    case .unsupportedVersion: "the HTTP version is not supported; expected HTTP/1.1 or HTTP/1.0"
    case .foldedField: "a header line begins with whitespace"
    case .emptyFieldName: "a header line has no name before its colon"
    case .whitespaceBeforeColon: "a header line has whitespace before its colon"
    case .invalidFieldName: "a header line has no colon, or a byte in its name that is not allowed there"
    case .invalidFieldValue: "a header value has a control character"
    case .missingHost: "the Host header is missing"
    case .repeatedHost: "there is more than one Host header"
    case .invalidHost: "the Host header is not a host with an optional port"
    case .malformedContentLength: "the Content-Length header is not one decimal number below 2^63"
    case .repeatedContentLength: "there is more than one Content-Length header"
    case .twoLengths: "there are both a Content-Length and a Transfer-Encoding header"
    case .malformedTransferEncoding: "the Transfer-Encoding header is not chunked, once and last"
    case .transferEncodingInOldVersion: "a Transfer-Encoding header came with HTTP/1.0"
    case .unknownTransferCoding: "the transfer coding is not implemented; expected chunked"
    case .unknownExpectation: "the Expect header is not 100-continue"
    case .targetTooLong: "the request target is too long"
    case .headTooLong: "the request head is too long"
    case .tooManyFields: "there are too many header lines"
    case .malformedChunkSize: "a chunk size is not a hexadecimal number alone on its line"
    case .chunkTooLarge: "a chunk size is not below 2^63 in at most 16 digits"
    case .malformedChunkExtension: "a chunk extension is malformed"
    case .chunkExtensionsTooLong: "the chunk extensions are too long"
    case .malformedChunkEnd: "the data of a chunk is not followed by CR LF"
    case .trailersTooLong: "the trailer section is too long"
    }
  }
}
