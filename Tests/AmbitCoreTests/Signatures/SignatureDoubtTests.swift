import AmbitCore
import Testing

@Suite struct `Doubts about a signature` {
  @Test(arguments: [
    ("GET /q/{x}", "f64 (f64 y)", ["no argument takes {x} of GET /q/{x}; if that is meant, call it {_x}"]),
    ("GET /q/{nmae}", "f64 (f64 name)", ["no argument takes {nmae} of GET /q/{nmae}; did you mean {name}?"]),
    ("GET /q/{rest...}", "f64 ()", ["no argument takes {rest} of GET /q/{rest...}; if that is meant, call it {_rest}"]),
    ("GET /d/{x}", "f64 (f64 x = 3)", ["the default value of `x` is never used: {x} of GET /d/{x} is in every path"]),
    ("GET /d/{x}", "f64 (f64 x, f64 y = 3)", []), ("GET /d/{_x}", "f64 ()", []), ("GET /d/{x}", "status (scope)", []),
    ("GET /d/{x}", "i32 (str x, size len(x))", []),
  ])
  func `A parameter of the path that no argument takes is doubtful, and a default value that is never used`(
    pattern: String, signature: String, doubts: [String]
  ) throws {
    #expect(try CSignature(parsing: signature).doubts(on: RoutePattern(pattern)) == doubts)
  }
}
