//go:build !linux

package main

import "syscall"

// ownGroup keeps Ctrl-C from reaching the child beside us.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
