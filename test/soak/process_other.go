//go:build !linux

package main

import "syscall"

// dieWithParent keeps Ctrl-C from reaching the child beside us.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
