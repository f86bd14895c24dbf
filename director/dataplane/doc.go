// Package dataplane gives the datapath of director/bpf a shape that the rest of
// the program uses: it loads and attaches the programs, keeps maps and links
// pinned so that stopping, starting and upgrading the director lose nothing,
// and writes and reads the maps by type.
//
// In the directory of a director, on a bpffs, are
//
//	current/   every map under its name, and the program forward
//	next/      the same and the programs adopt and disown, only while maps are
//	           being replaced
//	links/     one tcx link for each interface, by its index
//
// One director owns a directory at a time; several directors with a directory
// each do not touch each other's state and may share interfaces.
package dataplane
