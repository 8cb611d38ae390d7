module antigravity-proxy/benchmark

go 1.19
