internal import AmbitCore
internal import Glibc

/// An address that the host cannot listen on, and why.
package struct ListenError: Error, CustomStringConvertible, Sendable {
  package let address: String
  package let reason: String

  package init(address: String, reason: String) { (self.address, self.reason) = (address, reason) }

  package var description: String { "cannot listen on \(address): \(reason)" }

  /// Turns a failed system call of `body` into an error about `address`.
  /// - Parameter replaced: the sockets that listen at some of the same addresses and are to be replaced.
  static func about<Result>(
    _ address: ListenAddress, inPlaceOf replaced: [ListeningSocket] = [], _ body: () throws(SystemError) -> Result
  ) throws(ListenError) -> Result {
    do throws(SystemError) {
      return try body()
    } catch {
      var advice = advice(error, address)
      if error.code == EADDRINUSE, let old = replaced.first {
        advice +=
          "; this host still listens on \(old.url), and this system allows no second socket beside it: remove the old "
          + "address in one reload, and add the new one in the next"
      }
      throw ListenError(address: address.description, reason: SystemError.text(error.code) + advice)
    }
  }

  /// What to do about it, for the end of the sentence.
  private static func advice(_ error: SystemError, _ address: ListenAddress) -> String {
    switch address {
    case .any(1..<1024), .internet(_, 1..<1024):
      error.code == EACCES ? "; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE" : ""
    default: ""
    }
  }
}
