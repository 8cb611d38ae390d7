// Command fake-language-server plays the Antigravity language server of the eras E1, E2 and E3.
package main

import (
	"os"

	"antigravity-proxy/fakes/internal/ls"
)

func main() { os.Exit(ls.Main(os.Args)) }
