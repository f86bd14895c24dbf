//go:build !unix

package probe

import "os/exec"

// killGroup has no process groups to use here: a timeout ends the program alone.
func killGroup(cmd *exec.Cmd) { cmd.Cancel = func() error { return cmd.Process.Kill() } }
