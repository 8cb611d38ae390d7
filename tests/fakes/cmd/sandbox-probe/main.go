// sandbox-probe runs in the place of a service and tries what the sandbox of that service must not allow.
//
// It prints one JSON object: what it is (identity), and for each attempt "ok" or the name of the
// error. System calls get arguments that fail for another reason where they are let through, so that
// an attempt that succeeds in reaching the kernel does no harm.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

const nobody = 0x7ffffff0 // no process has this number

// Numbers that package syscall lacks; amd64, else those of the generic table (arm64).
var (
	sysOpenByHandleAt = number(304, 265)
	sysFinitModule    = number(313, 273)
	sysBpf            = number(321, 280)
)

func number(amd64, generic uintptr) uintptr {
	if runtime.GOARCH == "amd64" {
		return amd64
	}
	return generic
}

func name(err error) string {
	if err == nil {
		return "ok"
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		if known, is := names[number]; is {
			return known
		}
		return "E" + strconv.Itoa(int(number))
	}
	return err.Error()
}

var names = map[syscall.Errno]string{
	syscall.EPERM: "EPERM", syscall.ENOENT: "ENOENT", syscall.EACCES: "EACCES", syscall.EROFS: "EROFS",
	syscall.EAFNOSUPPORT: "EAFNOSUPPORT", syscall.ENOSYS: "ENOSYS", syscall.EINVAL: "EINVAL", syscall.ESRCH: "ESRCH",
	syscall.EBADF: "EBADF", syscall.EFAULT: "EFAULT", syscall.ECONNREFUSED: "ECONNREFUSED",
	syscall.ENODEV: "ENODEV", syscall.ENXIO: "ENXIO", syscall.EPROTONOSUPPORT: "EPROTONOSUPPORT",
	syscall.ESOCKTNOSUPPORT: "ESOCKTNOSUPPORT", syscall.ENOTDIR: "ENOTDIR", syscall.EINTR: "EINTR",
}

func call(number, a, b, c uintptr) error {
	if _, _, failed := syscall.RawSyscall6(number, a, b, c, 0, 0, 0); failed != 0 {
		return failed
	}
	return nil
}

func text(s string) uintptr {
	p, _ := syscall.BytePtrFromString(s)
	return uintptr(unsafe.Pointer(p))
}

func opensSocket(family, kind, protocol int) error {
	fd, err := syscall.Socket(family, kind|syscall.SOCK_CLOEXEC, protocol)
	if err == nil {
		syscall.Close(fd)
	}
	return err
}

func connects(path string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	return syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
}

func writesIn(directory string) error {
	path := filepath.Join(directory, fmt.Sprintf("sandbox-probe.%d", os.Getpid()))
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_EXCL|syscall.O_WRONLY|syscall.O_CLOEXEC, 0o600)
	if err == nil {
		syscall.Close(fd)
		syscall.Unlink(path)
	}
	return err
}

func opens(path string, flags int) error {
	fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err == nil {
		syscall.Close(fd)
	}
	return err
}

// reads also wants the first octet: some files open and then say no.
func reads(path string) error {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, err = syscall.Read(fd, make([]byte, 1))
	return err
}

func lists(path string) error {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, err = syscall.ReadDirent(fd, make([]byte, 4096))
	return err
}

func temporary() (string, error) {
	path := fmt.Sprintf("/tmp/sandbox-probe.%d", os.Getpid())
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_WRONLY|syscall.O_CLOEXEC, 0o700)
	if err != nil {
		return path, err
	}
	defer syscall.Close(fd)
	_, err = syscall.Write(fd, []byte("#!/bin/true\n"))
	return path, err
}

func makesSetuid() error {
	path, err := temporary()
	if err != nil {
		return err
	}
	defer syscall.Unlink(path)
	return syscall.Chmod(path, 0o4755)
}

func mapsWritableCode() error {
	page, err := syscall.Mmap(-1, 0, os.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err == nil {
		_ = syscall.Munmap(page)
	}
	return err
}

func becomesRealTime() error {
	priority := int32(1)
	const fifo = 1
	return call(syscall.SYS_SCHED_SETSCHEDULER, 0, fifo, uintptr(unsafe.Pointer(&priority)))
}

func seesProcessesOfOthers() error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		var seen syscall.Stat_t
		if _, err := strconv.Atoi(entry.Name()); err != nil || syscall.Stat("/proc/"+entry.Name(), &seen) != nil {
			continue
		}
		if int(seen.Uid) != os.Getuid() {
			return nil
		}
	}
	return syscall.ENOENT
}

func attempts() map[string]func() error {
	tries := map[string]func() error{
		"call ptrace":             func() error { return call(syscall.SYS_PTRACE, 16, nobody, 0) },
		"call mount":              func() error { return call(syscall.SYS_MOUNT, text("none"), text("/nowhere"), text("tmpfs")) },
		"call umount":             func() error { return call(syscall.SYS_UMOUNT2, text("/nowhere"), 0, 0) },
		"call pivot_root":         func() error { return call(syscall.SYS_PIVOT_ROOT, text("/nowhere"), text("/nowhere"), 0) },
		"call chroot":             func() error { return call(syscall.SYS_CHROOT, text("/nowhere"), 0, 0) },
		"call setuid":             func() error { return call(syscall.SYS_SETUID, uintptr(0), 0, 0) },
		"call setgroups":          func() error { return call(syscall.SYS_SETGROUPS, 0, 0, 0) },
		"call keyctl":             func() error { return call(syscall.SYS_KEYCTL, 0, ^uintptr(2), 0) },
		"call bpf":                func() error { return call(sysBpf, 9999, 0, 0) },
		"call open_by_handle_at":  func() error { return call(sysOpenByHandleAt, ^uintptr(0), 0, 0) },
		"call perf_event_open":    func() error { return call(syscall.SYS_PERF_EVENT_OPEN, 0, 0, 0) },
		"call finit_module":       func() error { return call(sysFinitModule, ^uintptr(0), text(""), 0) },
		"call delete_module":      func() error { return call(syscall.SYS_DELETE_MODULE, text("no_such_module"), 0, 0) },
		"call kexec_load":         func() error { return call(syscall.SYS_KEXEC_LOAD, 0, 99, 0) },
		"call reboot":             func() error { return call(syscall.SYS_REBOOT, 0, 0, 0) },
		"call swapon":             func() error { return call(syscall.SYS_SWAPON, text("/nowhere"), 0, 0) },
		"call acct":               func() error { return call(syscall.SYS_ACCT, text("/nowhere"), 0, 0) },
		"call quotactl":           func() error { return call(syscall.SYS_QUOTACTL, 0, text("/nowhere"), 0) },
		"call clock_settime":      func() error { return call(syscall.SYS_CLOCK_SETTIME, 99, 0, 0) },
		"call sethostname":        func() error { return call(syscall.SYS_SETHOSTNAME, 0, ^uintptr(0), 0) },
		"call personality":        func() error { return call(syscall.SYS_PERSONALITY, 0x0400000, 0, 0) },
		"become real-time":        becomesRealTime,
		"map writable code":       mapsWritableCode,
		"make a setuid file":      makesSetuid,
		"see processes of others": seesProcessesOfOthers,
		"read environ of init":    func() error { return reads("/proc/1/environ") },
		"open kernel log":         func() error { return opens("/dev/kmsg", syscall.O_RDONLY) },
		"open memory":             func() error { return opens("/dev/mem", syscall.O_RDONLY) },
		"write core_pattern":      func() error { return opens("/proc/sys/kernel/core_pattern", syscall.O_WRONLY) },
		"write cgroup":            func() error { return opens("/sys/fs/cgroup/cgroup.procs", syscall.O_WRONLY) },
	}
	for kind, flag := range map[string]uintptr{"user": 0x10000000, "mnt": 0x00020000, "net": 0x40000000, "pid": 0x20000000,
		"ipc": 0x08000000, "uts": 0x04000000, "cgroup": 0x02000000} {
		flag := flag
		tries["unshare "+kind] = func() error { return call(syscall.SYS_UNSHARE, flag, 0, 0) }
	}
	for kind, s := range map[string][3]int{
		"unix": {syscall.AF_UNIX, syscall.SOCK_STREAM, 0}, "inet": {syscall.AF_INET, syscall.SOCK_STREAM, 0},
		"inet6": {syscall.AF_INET6, syscall.SOCK_STREAM, 0}, "raw inet": {syscall.AF_INET, syscall.SOCK_RAW, 1},
		"netlink": {syscall.AF_NETLINK, syscall.SOCK_RAW, 0}, "packet": {syscall.AF_PACKET, syscall.SOCK_RAW, 0},
		"alg": {38, syscall.SOCK_SEQPACKET, 0}, "vsock": {40, syscall.SOCK_STREAM, 0}} {
		s := s
		tries["socket "+kind] = func() error { return opensSocket(s[0], s[1], s[2]) }
	}
	for _, directory := range []string{"/", "/etc", "/usr", "/usr/lib/systemd/system", "/boot", "/home", "/root", "/opt", "/srv",
		"/dev", "/dev/shm", "/run", "/run/systemd/system", "/run/systemd/transient", "/usr/bin", "/usr/sbin", "/usr/libexec", "/usr/share", "/run/antigravity-proxy",
		"/run/antigravity-proxy-helper", "/var/lib", "/var/lib/antigravity-proxy", "/var/lib/antigravity-proxy/ca",
		"/var/lib/antigravity-ls", "/var/lib/systemd", "/var/log", "/var/cache", "/var/spool", "/tmp", "/var/tmp"} {
		directory := directory
		tries["write "+directory] = func() error { return writesIn(directory) }
	}
	for _, file := range []string{"/var/lib/antigravity-proxy/ca/ca.key", "/etc/shadow", "/etc/antigravity-proxy/proxy.yaml"} {
		file := file
		tries["read "+file] = func() error { return reads(file) }
	}
	for _, directory := range []string{"/home", "/home/dev", "/root", "/var/lib/antigravity-proxy", "/var/log",
		"/run/antigravity-proxy-helper", "/run/user"} {
		directory := directory
		tries["list "+directory] = func() error { return lists(directory) }
	}
	for _, socket := range []string{"/run/dbus/system_bus_socket", "/run/systemd/private", "/run/antigravity-proxy/api.sock"} {
		socket := socket
		tries["connect "+socket] = func() error { return connects(socket) }
	}
	return tries
}

func identity() map[string]string {
	found := map[string]string{}
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
			found[key] = strings.Join(strings.Fields(value), " ")
		}
	}
	found["fds"] = strings.Join(inherited, " ")
	var keys []string
	for _, entry := range os.Environ() {
		key, _, _ := strings.Cut(entry, "=")
		keys = append(keys, key)
	}
	sort.Strings(keys)
	found["environment"] = strings.Join(keys, " ")
	return found
}

// Taken before this program opens anything.
var inherited = func() []string {
	var open []string
	for fd := 0; fd < 256; fd++ {
		if _, _, failed := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); failed == 0 {
			open = append(open, strconv.Itoa(fd))
		}
	}
	return open
}()

// asLanguageServer makes it one that the helper starts: it knows the flags that are needed, and its
// report goes where a language server may write.
func asLanguageServer() string {
	if len(os.Args) == 2 {
		for _, flag := range []string{"extension_server_port", "csrf_token", "server_port", "lsp_port"} {
			fmt.Fprintf(os.Stderr, "  -%s\n", flag)
		}
		os.Exit(0)
	}
	return os.Getenv("HOME") + "/sandbox-probe.json"
}

func main() {
	file := ""
	if len(os.Args) > 1 {
		file = asLanguageServer()
	}
	report := struct {
		Identity map[string]string `json:"identity"`
		Tries    map[string]string `json:"tries"`
	}{identity(), map[string]string{}}
	for what, try := range attempts() {
		try := try
		done := make(chan string)
		// A thread of its own that ends with it: what it changed about itself is gone.
		go func() {
			runtime.LockOSThread()
			done <- name(try())
		}()
		report.Tries[what] = <-done
	}
	out, _ := json.Marshal(report)
	if file == "" {
		fmt.Println(string(out))
		return
	}
	// Whole or not at all: it is started again and again.
	if err := os.WriteFile(file+".new", out, 0o600); err != nil || os.Rename(file+".new", file) != nil {
		os.Exit(1)
	}
}
