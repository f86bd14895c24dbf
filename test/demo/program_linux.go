package main

import "syscall"

// ownGroup keeps Ctrl-C from reaching the child beside us, and ends the child
// even when we are killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
