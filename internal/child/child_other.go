//go:build !linux

package child

import "syscall"

// endWithParent does nothing where the kernel cannot.
func endWithParent(*syscall.SysProcAttr) {}
