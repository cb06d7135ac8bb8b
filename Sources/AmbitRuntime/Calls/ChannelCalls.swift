internal import AmbitCore
internal import CAmbit

/// The calls about channels.
enum ChannelCalls {
  static func install(in api: inout ambit_api) {
    api.channel_new = { handle, capacity in
      var channel: ChannelPointer?
      _ = CallSite.loop(handle) { scope in
        channel = scope.makeChannel(capacity: capacity)
        return .ok
      }
      return channel?.asHandle
    }
    api.send = { handle, channel, message, timeout in
      guard let channel else { return Status.invalid.rawValue }
      return CallSite.job(handle) { scope, job in
        job.send(message, through: .of(channel), in: scope, timeout: timeout)
      }
    }
    api.receive = { handle, channel, message, timeout in
      message?.pointee = nil
      guard let channel, let message else { return Status.invalid.rawValue }
      return CallSite.job(handle) { scope, job in
        let status = job.receive(from: .of(channel), in: scope, timeout: timeout)
        if status == .ok { message.pointee = job.stackState.pointee.message }
        return status
      }
    }
    api.channel_close = { handle in
      guard let handle else { return Status.invalid.rawValue }
      let channel = ChannelPointer.of(handle)
      // The call names no scope: the one that made the channel says which loop it is for.
      return CallSite.loop(channel.pointee.scope.asHandle) { _ in
        channel.close()
        return .ok
      }
    }
  }
}
