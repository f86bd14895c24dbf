//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bpf(2) by hand: what a library allocates for each call would cost more than
// what is measured. The structures are those of linux/bpf.h, on 64 bits.

func sysBPF[T any](what string, command uintptr, attr *T) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr))
	runtime.KeepAlive(attr)
	if errno != 0 {
		return 0, fmt.Errorf("%s: %w", what, errno)
	}
	return int(r), nil
}

// openPinned opens a map or program in a BPF file system.
func openPinned(path string) (fd int, err error) {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return 0, fmt.Errorf("open %q: %w", path, err)
	}
	return sysBPF("open "+path, unix.BPF_OBJ_GET, &struct {
		path  unsafe.Pointer
		fd    uint32
		flags uint32
	}{path: unsafe.Pointer(name)})
}

// loadEmpty loads a program that returns 0: what a run costs by itself.
func loadEmpty() (fd int, err error) {
	code := []uint64{0xb7, 0x95} // r0 = 0; exit
	license := []byte("GPL\x00")
	return sysBPF("load the empty program", unix.BPF_PROG_LOAD, &struct {
		kind, length  uint32
		code, license unsafe.Pointer
	}{unix.BPF_PROG_TYPE_SCHED_CLS, uint32(len(code)), unsafe.Pointer(&code[0]), unsafe.Pointer(&license[0])})
}

// runAttr is what BPF_PROG_TEST_RUN takes and tells: test of union bpf_attr in
// linux/bpf.h.
type runAttr struct {
	fd, verdict      uint32
	lenIn, _         uint32         // data_size_out
	in, _            unsafe.Pointer // data_out
	repeat, duration uint32
	_, _             uint32            // ctx_size_in, ctx_size_out
	_                [2]unsafe.Pointer // ctx_in, ctx_out
	_, _, _, _       uint32            // flags, cpu, batch_size, padding
}

// runner gives packets to a program, one by one. The kernel makes a fresh copy
// of the packet for each run.
type runner struct{ attr runAttr }

// run returns the program's verdict and the time that the kernel took for it.
func (r *runner) run(program int, frame []byte) (verdict, nanoseconds uint32, err error) {
	r.attr = runAttr{fd: uint32(program), lenIn: uint32(len(frame)), in: unsafe.Pointer(&frame[0]), repeat: 1}
	if _, err := sysBPF("run the program", unix.BPF_PROG_TEST_RUN, &r.attr); err != nil {
		return 0, 0, err
	}
	return r.attr.verdict, r.attr.duration, nil
}

// mapBytes is the memory of a pinned map, as the kernel accounts for it.
func mapBytes(path string) (int64, error) {
	fd, err := openPinned(path)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	info, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return 0, err
	}
	return memlock(string(info))
}

// memlock reads the line of that name of a map's fdinfo, in bytes.
func memlock(info string) (int64, error) {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, "memlock:"); ok {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("no line memlock in %q", info)
}
