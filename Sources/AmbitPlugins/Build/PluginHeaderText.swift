internal import CAmbit

/// The text of `ambit.h`, which the host carries with it.
package enum PluginHeaderText {
  package static var value: String { String(cString: cambit_header_text) }
}
