package dataplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// MinKernel is the oldest kernel that has all that the datapath needs; tcx is
// the youngest part.
const MinKernel = "6.6"

// A need is something that the kernel or the host must provide.
type need struct {
	what   string // as a message names it
	remedy string
	probe  func() error
}

// missing runs the probes in order and tells all that failed, each with what
// to do about it.
func missing(needs []need) error {
	var errs []error
	for _, n := range needs {
		if err := n.probe(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w; %s", n.what, err, n.remedy))
		}
	}
	return errors.Join(errs...)
}

// Probe tells what the host lacks for a director whose pins are in dir, or nil.
// It needs the same rights as Open and leaves nothing behind.
func Probe(dir string) error {
	if err := missing([]need{
		{"CAP_BPF", "start as root or give the capability", capability(unix.CAP_BPF)},
		// The verifier lets only CAP_PERFMON subtract packet pointers.
		{"CAP_PERFMON", "start as root or give the capability", capability(unix.CAP_PERFMON)},
		{"CAP_NET_ADMIN", "start as root or give the capability", capability(unix.CAP_NET_ADMIN)},
		{"locked memory", "raise RLIMIT_MEMLOCK (LimitMEMLOCK=infinity)", rlimit.RemoveMemlock},
		{"bpffs", "mount -t bpf bpf /sys/fs/bpf", func() error { return onBPFFS(dir) }},
	}); err != nil {
		return fmt.Errorf("the datapath cannot be loaded: %w", err)
	}
	linux := "Linux " + MinKernel + " or newer is needed"
	if err := missing([]need{
		{"tcx", linux + " (tcx came with 6.6)", haveTCX},
		{"BTF of the kernel", linux + ", built with CONFIG_DEBUG_INFO_BTF", haveBTF},
		{"bpf_timer", linux + " (5.15 for timers)", helper(asm.FnTimerInit)},
		{"bpf_loop", linux + " (5.17 for loops)", helper(asm.FnLoop)},
		{"bpf_redirect_neigh", linux + " (5.10 for it)", helper(asm.FnRedirectNeigh)},
		{"mappable array maps", linux + " (5.5 for them)", func() error { return features.HaveMapFlag(features.BPF_F_MMAPABLE) }},
		{"queue maps", linux + " (4.20 for them)", func() error { return features.HaveMapType(ebpf.Queue) }},
		{"ring buffers", linux + " (5.8 for them)", func() error { return features.HaveMapType(ebpf.RingBuf) }},
	}); err != nil {
		return fmt.Errorf("the kernel lacks what the datapath needs: %w", err)
	}
	return nil
}

func helper(fn asm.BuiltinFunc) func() error {
	return func() error { return features.HaveProgramHelper(ebpf.SchedCLS, fn) }
}

// capability tests the effective set; CAP_SYS_ADMIN holds CAP_BPF and
// CAP_PERFMON too, see capabilities(7).
func capability(bit int) func() error {
	return func() error {
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		if err := unix.Capget(&hdr, &data[0]); err != nil {
			return fmt.Errorf("capget: %w", err)
		}
		has := func(bit int) bool { return data[bit/32].Effective&(1<<(bit%32)) != 0 }
		if has(bit) || bit != unix.CAP_NET_ADMIN && has(unix.CAP_SYS_ADMIN) {
			return nil
		}
		return errors.New("missing from the effective capabilities")
	}
}

// onBPFFS tells whether dir, or where it would be made, is on a bpffs.
func onBPFFS(dir string) error {
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	if errors.Is(err, unix.ENOENT) {
		dir = filepath.Dir(dir)
		err = unix.Statfs(dir, &fs)
	}
	if err != nil {
		return fmt.Errorf("statfs %s: %w", dir, err)
	}
	if fs.Type != unix.BPF_FS_MAGIC {
		return fmt.Errorf("%s is not on a bpf filesystem", dir)
	}
	return nil
}

func haveBTF() error {
	_, err := os.Stat("/sys/kernel/btf/vmlinux")
	return err
}

// haveTCX attaches to an interface that cannot be: a kernel with tcx misses the
// interface, an older one does not know the attach type.
func haveTCX() error {
	prog, err := tiny(asm.Mov.Imm(asm.R0, 0))
	if err != nil {
		return err
	}
	defer prog.Close()
	l, err := link.AttachTCX(link.TCXOptions{Interface: 1<<31 - 1, Program: prog, Attach: ebpf.AttachTCXIngress})
	if err == nil {
		return errors.Join(errors.New("attached to an interface that does not exist"), l.Close())
	}
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// csumIPv6 gives BPF_F_IPV6 where bpf_l4_csum_replace knows it and 0 elsewhere.
// With it a complete checksum stays right when an IPv6 address changes, see
// include/uapi/linux/bpf.h. Kernels before 6.16 refuse the flag.
func csumIPv6() (uint32, error) {
	const flag = 1 << 7
	prog, err := tiny( // R1 is the packet already
		asm.Mov.Imm(asm.R2, 20), asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, 0), asm.Mov.Imm(asm.R5, flag),
		asm.FnL4CsumReplace.Call(),
	)
	if err != nil {
		return 0, err
	}
	defer prog.Close()
	code, err := prog.Run(&ebpf.RunOptions{Data: make([]byte, 64)})
	if err != nil {
		return 0, fmt.Errorf("probe bpf_l4_csum_replace: %w", err)
	}
	if code != 0 {
		return 0, nil
	}
	return flag, nil
}

// tiny loads a tc program that ends after the instructions.
func tiny(ins ...asm.Instruction) (*ebpf.Program, error) {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.SchedCLS,
		License:      "GPL",
		Instructions: append(ins, asm.Return()),
	})
	if err != nil {
		return nil, fmt.Errorf("load a tc program: %w", err)
	}
	return prog, nil
}
