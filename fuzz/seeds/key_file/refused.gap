generation = 1
[[key]]
secret = "ssk1_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyCNt1Ql"
seal_from = 2026-10-21T00:00:00Z
open_until = 2026-10-22T00:00:00Z
[[key]]
secret = "ssk1_ZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8fX5_gIGCg4ThL8ig"
seal_from = 2026-10-23T00:00:00Z
