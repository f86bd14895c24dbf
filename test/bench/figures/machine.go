package figures

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Machine says what the figures were taken on.
func Machine() string {
	model := runtime.GOARCH
	for line := range strings.Lines(readText("/proc/cpuinfo")) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	text := fmt.Sprintf("%d cores of %s, %s", runtime.NumCPU(), model, runtime.GOOS)
	if release := strings.TrimSpace(readText("/proc/sys/kernel/osrelease")); release != "" {
		text += " " + release
	}
	text += ", " + runtime.Version()
	if load, _, ok := strings.Cut(readText("/proc/loadavg"), " "); ok {
		text += fmt.Sprintf(", with a load of %s before", load)
	}
	return text
}

// readText is a file's text, empty if there is none.
func readText(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}
