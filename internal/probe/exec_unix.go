//go:build unix

package probe

import (
	"os/exec"
	"syscall"
)

// killGroup lets a timeout end the program together with all that it started.
func killGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
