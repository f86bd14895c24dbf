//go:build !linux

package main

import "syscall"

// dieWithParent does nothing where the kernel cannot.
func dieWithParent() *syscall.SysProcAttr { return nil }
