package ide

import (
	"context"
	"syscall"
	"time"

	"antigravity-proxy/fakes/internal/ls"
)

// adopt takes over the language server that an earlier editor left, as the discovery file says; one
// of another version is ended instead. It returns when that server is gone.
func (n *instance) adopt(ctx context.Context, starts int) (bool, error) {
	dir, err := n.ide.dataDir()
	if err != nil {
		return false, err
	}
	found, err := ls.ReadDiscovery(ls.DiscoveryFile(dir, n.workspaceID()))
	if err != nil || !alive(found.PID) {
		return false, nil // none, or a file that was left behind
	}
	if found.LSVersion != n.ide.cfg.IDEVersion {
		syscall.Kill(found.PID, syscall.SIGTERM)
		n.event(map[string]any{"event": "language_server_outdated", "pid": found.PID, "version": found.LSVersion})
		untilGone(ctx, found.PID)
		return false, nil
	}
	n.csrf = found.CSRFToken
	n.setPort("HTTPS", found.HTTPSPort)
	n.setPort("HTTP", found.HTTPPort)
	n.setPort("LSP", found.LSPPort)
	if err := n.call("ReconnectExtensionServer", map[string]any{"extensionServerPort": n.ide.port,
		"extensionServerCsrfToken": n.ide.extCSRF}); err != nil {
		return false, err
	}
	n.event(map[string]any{"event": "reconnected", "pid": found.PID})
	n.ready(found.PID, starts)
	beat, stop := context.WithCancel(ctx)
	defer stop()
	go n.heartbeat(beat)
	if untilGone(ctx, found.PID) {
		n.event(map[string]any{"event": "language_server_exited", "pid": found.PID, "status": "unknown"})
	} else {
		n.event(map[string]any{"event": "language_server_left", "pid": found.PID})
	}
	return true, nil
}

func alive(pid int) bool { return pid > 0 && syscall.Kill(pid, 0) == nil }

// untilGone looks every 100 ms, as the extension does; false when the context ended first.
func untilGone(ctx context.Context, pid int) bool {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}
