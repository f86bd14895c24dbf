package main

import (
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// needed is what the director goes on with: CAP_BPF and CAP_PERFMON for its
// maps and for programs after a reload of interfaces, CAP_NET_ADMIN for links,
// routes and addresses, CAP_NET_RAW for ICMP checks.
var needed = []cap.Value{cap.BPF, cap.PERFMON, cap.NET_ADMIN, cap.NET_RAW}

// dropCapabilities gives up all other capabilities, of all threads, for good.
func dropCapabilities() error {
	have := cap.GetProc()
	keep := cap.NewSet()
	for _, c := range needed {
		if on, err := have.GetFlag(cap.Permitted, c); err != nil || !on {
			continue
		}
		for _, flag := range []cap.Flag{cap.Permitted, cap.Effective} {
			if err := keep.SetFlag(flag, true, c); err != nil {
				return fmt.Errorf("capability %s: %w", c, err)
			}
		}
	}
	if err := keep.SetProc(); err != nil {
		return fmt.Errorf("drop capabilities: %w (--keep-capabilities keeps them)", err)
	}
	return nil
}
