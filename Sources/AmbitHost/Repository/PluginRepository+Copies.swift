internal import AmbitPlugins
internal import AmbitSystem
internal import Logging

// Private copies after their making: cleaners of temporary files may remove them while they serve, and a worker that
// starts later loads them again.

extension PluginRepository {
  /// Makes the folder of private copies again if somebody has removed it, and removes the folders of hosts that have
  /// ended.
  func restoreCopies() throws(HostError) {
    copies.removeAbandoned()
    do throws(FileError) {
      guard try copies.restore() else { return }
    } catch {
      throw HostError(["the folder of private copies was removed and cannot be made again: \(error)"])
    }
    logger.notice(
      """
      the folder of private copies \(copies.path) was removed and is made again; set private to a folder that nobody \
      cleans up
      """)
  }

  /// Makes sure that a worker which starts now finds the files of what serves. From any thread; blocks only if a file is
  /// missing. Call it before such a worker prepares what serves.
  var restorer: CopyRestorer { CopyRestorer(copies, lastGood) }
}

extension CopyRestorer {
  /// Makes the files of these generations again that somebody has removed, and logs for which ones.
  /// - Parameter files: the operator's files that have been renamed since they were loaded, by the plugin's name.
  /// - Returns: why generations cannot be loaded again, by name. They serve on in the other workers.
  func restore(_ generations: [PlannedGeneration], renamed files: [String: PluginFile]) -> [String: PluginError] {
    var errors: [String: PluginError] = [:]
    var restored: [String] = []
    for planned in generations {
      do throws(PluginError) {
        let file = files[planned.name] ?? planned.copy.file
        if try restore(planned.copy, of: planned.name, in: file) { restored.append(planned.label) }
      } catch {
        errors[planned.name] = error
      }
    }
    if !restored.isEmpty {
      let labels = restored.joined(separator: ", ")
      Logger(label: "ambit").notice("private copies were removed, and are made again for a new worker: \(labels)")
    }
    return errors
  }
}
