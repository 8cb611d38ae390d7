package ls

import (
	"flag"
	"io"
)

// Flags is the argv of the three eras; which of them a binary knows is its era's business.
type Flags struct {
	EnableLSP, RandomPort, Standalone, Persistent bool
	ExtensionPort, HTTPSPort, HTTPPort, LSPPort   int
	CSRF, ExtensionCSRF, WorkspaceID, Endpoint    string
	AppDataDir, GeminiDir, ParentPipe             string
	SubclientType, OverrideVersion, OverrideName  string
}

const production = "https://daily-cloudcode-pa.googleapis.com"

// ParseFlags reads argv with Go's flag package, so unknown flags end in usage and exit status 2, and
// --help in usage and exit status 0.
func ParseFlags(name string, args []string, k Knobs) Flags {
	f, set := newFlags(name, k, flag.ExitOnError)
	set.Parse(args) // ExitOnError: never returns an error
	return *f
}

// newFlags declares what the era knows (ls-protocol 1.2).
func newFlags(name string, k Knobs, errors flag.ErrorHandling) (*Flags, *flag.FlagSet) {
	f := &Flags{}
	set := flag.NewFlagSet(name, errors)
	set.BoolVar(&f.EnableLSP, "enable_lsp", false, "Enable LSP")
	set.BoolVar(&f.Standalone, "standalone", false, "Run without an extension")
	set.IntVar(&f.ExtensionPort, "extension_server_port", 0, "Port of the extension server")
	set.StringVar(&f.CSRF, "csrf_token", "", "CSRF token")
	set.StringVar(&f.WorkspaceID, "workspace_id", "", "Workspace id")
	set.StringVar(&f.Endpoint, "cloud_code_endpoint", production, "Cloud Code endpoint")
	set.StringVar(&f.AppDataDir, "app_data_dir", "antigravity", "Data directory below the Gemini directory")
	set.StringVar(&f.GeminiDir, "gemini_dir", ".gemini", "Gemini directory")
	set.StringVar(&f.ParentPipe, "parent_pipe_path", "", "Parent pipe")
	ignore(set, "api_server_url", "inference_api_server_url", "analytics_server_url", "generative_service_addr",
		"config_dir", "proxy_server_url")
	ignoreBool(set, "disable_telemetry", "headless", "dev_mode", "is_google_internal")
	lspPort := 42101
	if k.Era == "e3" {
		lspPort = 0
	} else {
		set.BoolVar(&f.RandomPort, "random_port", false, "Use random ports for all listeners")
	}
	set.IntVar(&f.LSPPort, "lsp_port", lspPort, "Port of the LSP server")
	// U11: the port flag was renamed within the second era.
	if k.PortFlags == "server" {
		set.IntVar(&f.HTTPSPort, "server_port", 42100, "Port of the language server")
	} else {
		set.IntVar(&f.HTTPSPort, "https_server_port", 0, "Port of the language server, 0 for a random one")
	}
	if k.CSRFTokens == 2 { // U10
		set.StringVar(&f.ExtensionCSRF, "extension_server_csrf_token", "", "CSRF token of the extension server")
	}
	if k.Era == "e1" {
		return f, set
	}
	set.BoolVar(&f.Persistent, "persistent_mode", false, "Survive the extension and write a discovery file")
	ignoreBool(set, "is_google3_workspace", "use_dev_unleash", "debug")
	if k.Era == "e2" {
		return f, set
	}
	set.IntVar(&f.HTTPPort, "http_server_port", 0, "Cleartext port of the language server, 0 for a random one")
	set.StringVar(&f.SubclientType, "subclient_type", "", "Kind of client: ide, hub")
	set.StringVar(&f.OverrideName, "override_ide_name", "", "IDE name instead of the metadata's")
	set.StringVar(&f.OverrideVersion, "override_ide_version", "", "IDE version instead of the metadata's")
	ignore(set, "override_user_agent_name", "model_api_client_type", "override_model_name", "profile", "cli_log_file",
		"limit_go_max_procs", "file_watch_max_dir_count")
	ignoreBool(set, "enable_sidecars", "exit_on_stdin_close", "agent_mode", "sandbox", "dangerously-skip-permissions",
		"use_mocked_data")
	return f, set
}

func ignore(set *flag.FlagSet, names ...string) {
	for _, name := range names {
		set.String(name, "", "Accepted and ignored")
	}
}

func ignoreBool(set *flag.FlagSet, names ...string) {
	for _, name := range names {
		set.Bool(name, false, "Accepted and ignored")
	}
}

// knownFlags are the names that --help lists.
func knownFlags(k Knobs) map[string]bool {
	_, set := newFlags("", k, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	out := map[string]bool{}
	set.VisitAll(func(f *flag.Flag) { out[f.Name] = true })
	return out
}
