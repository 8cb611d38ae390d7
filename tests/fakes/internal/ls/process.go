package ls

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Main is the whole program; it returns the exit status. By the name it was started with and by what
// lies beside it, it is a language server, agy, a wrapper, or one of the hub's helpers.
func Main(args []string) int {
	binary, err := os.Executable()
	if err != nil {
		binary = args[0]
	}
	if status, ok := wrapper(binary, args); ok {
		return status
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if len(args) > 1 && args[1] == "multicall" { // same executable, no server
		<-ctx.Done()
		return 0
	}
	environ := os.Environ()
	if filepath.Base(args[0]) == "agy" { // there was none before the third era
		environ = append([]string{"FAKE_LS_ERA=e3"}, environ...)
	}
	knobs, err := LoadKnobs(binary, environ)
	if err != nil {
		fatalLine(os.Stderr, err)
		return 1
	}
	flags := ParseFlags(args[0], args[1:], knobs)
	if knobs.StartExit >= 0 {
		return knobs.StartExit
	}
	if flags.Standalone && knobs.StandaloneExits { // U19
		return 0
	}
	if flags.Persistent { // stderr may lose its reader; that must not end the process
		signal.Ignore(syscall.SIGPIPE)
	}
	s, err := New(args[0], flags, knobs, os.Stdin, os.Stderr)
	if err != nil {
		fatalLine(os.Stderr, err)
		return 1
	}
	if s.hub() {
		for i := 0; i < knobs.Multicall; i++ {
			stop, err := s.multicall(binary, i)
			if err != nil {
				fatalLine(os.Stderr, err)
				return 1
			}
			defer stop()
		}
	}
	return s.Run(ctx)
}

// wrapper plays the script that some set-ups put in place of the real binary, which is beside it with
// the ending .real: the child owns the sockets, the arguments are the same in both.
func wrapper(binary string, args []string) (status int, ok bool) {
	real := binary + ".real"
	if _, err := os.Stat(real); err != nil || strings.HasSuffix(binary, ".real") {
		return 0, false
	}
	cmd := exec.Command(real, args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	told := make(chan os.Signal, 4)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	if err := start(cmd); err != nil {
		fatalLine(os.Stderr, err)
		return 1, true
	}
	go func() {
		for sig := range told {
			cmd.Process.Signal(sig)
		}
	}()
	cmd.Wait() // its status is what counts
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, true
	}
	return 128 + int(cmd.ProcessState.Sys().(syscall.WaitStatus).Signal()), true
}

// start has the child go when this process goes, even when that is killed. That goes by the thread
// which started it, so that one must stay.
func start(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Start()
}

// multicall starts one of the hub's helpers, which a finder must not take for a server.
func (s *Server) multicall(binary string, n int) (stop func(), err error) {
	cmd := exec.Command(binary, "multicall", "schedule", fmt.Sprintf("fake-%d", n))
	cmd.Env = []string{"FAKE_LS_ERA=" + s.knobs.Era}
	if err := start(cmd); err != nil {
		return nil, err
	}
	s.logf("multicall.go:40", "Started multicall child %d", cmd.Process.Pid)
	return func() {
		cmd.Process.Kill()
		cmd.Wait()
	}, nil
}

// runForAgy runs the command of the knob agy_run as the real agy does, which tells what it runs where
// its server is.
func (s *Server) runForAgy(ctx context.Context) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", s.knobs.AgyRun)
	cmd.Env = append(os.Environ(), fmt.Sprintf("ANTIGRAVITY_LS_ADDRESS=127.0.0.1:%d", s.HTTPSPort),
		"ANTIGRAVITY_CSRF_TOKEN="+s.flags.CSRF)
	cmd.Dir = filepath.Dir(s.dataDir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		s.logf("agy.go:77", "command failed: %v", err)
	}
}
