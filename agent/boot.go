package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// Boot returns a function that tells the boot id: short text that changes when
// what the server had in memory is gone. It is made of the kernel's boot id
// and the start of the service's process, found by its PID file. Without a PID
// file the agent's own start stands for the service's, and restarting the agent
// alone looks like a restart of the server.
func Boot(root, pidFile string, started time.Time) func() string {
	if root == "" {
		root = "/"
	}
	kernel, _ := os.ReadFile(filepath.Join(root, "proc/sys/kernel/random/boot_id")) // absent: the rest still changes
	return func() string {
		start := started.UTC().Format(time.RFC3339Nano)
		if pidFile != "" {
			start = processStart(root, pidFile)
		}
		sum := sha256.Sum256([]byte(strings.TrimSpace(string(kernel)) + "\n" + start))
		return hex.EncodeToString(sum[:6])
	}
}

// processStart names one life of the process in the PID file. One that does
// not run has a name too, so that its coming is a change.
func processStart(root, pidFile string) string {
	const none = "not running"
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return none
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return none
	}
	fs, err := procfs.NewFS(filepath.Join(root, "proc"))
	if err != nil {
		return none
	}
	proc, err := fs.Proc(pid)
	if err != nil {
		return none
	}
	stat, err := proc.Stat()
	if err != nil {
		return none
	}
	return fmt.Sprintf("%d since %d", pid, stat.Starttime)
}
