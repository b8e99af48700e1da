// Package rosetta answers for Linux what the Docker command line asks on macOS only: whether it runs in
// Apple's translator. It stands in for a module that not every Go module proxy has.
package rosetta

import "runtime"

// Available says whether the translator can be used: there is none on Linux.
func Available() bool { return false }

// Enabled says whether this process is translated.
func Enabled() bool { return false }

// NativeArch is the processor's architecture in Go's words.
func NativeArch() string { return runtime.GOARCH }
