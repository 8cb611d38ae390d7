module antigravity-proxy/fakes

go 1.19
