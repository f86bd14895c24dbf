package main

import "golang.org/x/sys/unix"

// limitFiles bounds the files that a process writes, as a full disk would: what is
// beyond fails with EFBIG. A Go program takes no notice of the signal SIGXFSZ.
func limitFiles(pid int, bytes uint64) error {
	return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil)
}

// noLimit is that of files of any size.
const noLimit = unix.RLIM_INFINITY
