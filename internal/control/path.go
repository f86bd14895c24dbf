package control

import (
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// socketName is the name server's socket, in whichever directory.
const socketName = "coredns.sock"

// DefaultPath is where the name server puts its socket if it is not told:
// $BALLAST_CONTROL, else coredns.sock in $RUNTIME_DIRECTORY (systemd's), else
// in /run/ballast for root, else in $XDG_RUNTIME_DIR/ballast, else in a
// directory of the user's own among the temporary files.
func DefaultPath() string { return defaultPath(os.Getenv, os.Geteuid(), os.TempDir()) }

// FindPath is DefaultPath for a client: where nothing is there and the system's
// /run/ballast/coredns.sock exists, it is that one.
func FindPath() string {
	return findPath(os.Getenv, os.Geteuid(), os.TempDir(), func(path string) bool {
		_, err := os.Lstat(path)
		return err == nil
	})
}

// DirectorPath is where a director puts its socket if its configuration does
// not say.
const DirectorPath = "/run/ballast/director.sock"

// FindDirectorPath is where a client looks for a director's socket:
// $BALLAST_DIRECTOR, else DirectorPath.
func FindDirectorPath() string { return cmp.Or(os.Getenv("BALLAST_DIRECTOR"), DirectorPath) }

func systemPath() string { return filepath.Join("/run/ballast", socketName) }

func defaultPath(getenv func(string) string, uid int, temp string) string {
	if path := getenv("BALLAST_CONTROL"); path != "" {
		return path
	}
	// systemd.exec(5): several directories are separated by colons.
	if dir, _, _ := strings.Cut(getenv("RUNTIME_DIRECTORY"), ":"); dir != "" {
		return filepath.Join(dir, socketName)
	}
	if uid == 0 {
		return systemPath()
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "ballast", socketName)
	}
	return filepath.Join(temp, "ballast-"+strconv.Itoa(uid), socketName)
}

func findPath(getenv func(string) string, uid int, temp string, exists func(string) bool) string {
	path := defaultPath(getenv, uid, temp)
	if getenv("BALLAST_CONTROL") == "" && !exists(path) && exists(systemPath()) {
		return systemPath()
	}
	return path
}
