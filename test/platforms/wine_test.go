//go:build platforms

package platforms

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// windows starts a Windows in a folder of its own, and returns how to run a program there.
func windows(t *testing.T) machine {
	t.Helper()
	wine := program(t, "/usr/lib/wine/wine64")
	prefix := t.TempDir()
	env := []string{
		"WINEPREFIX=" + prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "HOME=" + prefix,
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8",
	}
	boot := exec.CommandContext(t.Context(), wine, "wineboot", "--init")
	boot.Env = env
	if out, err := boot.CombinedOutput(); err != nil {
		t.Fatalf("wineboot: %v\n%s", err, out)
	}
	t.Cleanup(func() { // what it left running would keep the folder
		stop := exec.Command(program(t, "/usr/lib/wine/wineserver64"), "--kill", "--wait")
		stop.Env = env
		_ = stop.Run()
	})
	dll := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(dll); os.IsNotExist(err) {
		if err := os.WriteFile(dll, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	exe := build(t, "windows", "amd64")
	return machine{
		os: "windows", arch: "amd64", temp: prefix,
		// Z: is the root of this machine.
		path: func(file string) string { return `Z:` + strings.ReplaceAll(file, "/", `\`) },
		command: func(args ...string) *exec.Cmd {
			cmd := exec.Command(wine, append([]string{exe}, args...)...)
			cmd.Env = env
			return cmd
		},
	}
}

// forwarder is a DLL for amd64 with one function, which is that of another DLL. Go's runtime wants a random number
// from bcryptprimitives.dll, as Windows has it since 8; wine has it since 8.10, Debian 12 has 8.0.
func forwarder(name, function, to string) []byte {
	const address, size = 0x1000, 0x200 // of the only section; size is also that of the headers
	le := binary.LittleEndian
	section := make([]byte, size)
	put := func(at uint32, text string) uint32 {
		copy(section[at:], text+"\x00")
		return address + at
	}
	const functions, names, ordinals, texts = 40, 44, 48, 50
	le.PutUint32(section[functions:], put(texts, to))
	le.PutUint32(section[names:], put(texts+64, function))
	for i, value := range []uint32{put(texts+128, name), 1, 1, 1, address + functions, address + names, address + ordinals} {
		le.PutUint32(section[12+4*i:], value) // name, first ordinal, two counts, three tables
	}

	var pe bytes.Buffer
	write := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&pe, le, v) // never fails
		}
	}
	pe.WriteString("MZ")
	pe.Write(make([]byte, 0x3a))
	write(uint32(0x40)) // where the rest of the headers is
	pe.WriteString("PE\x00\x00")
	write(uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022)) // amd64, one section, a DLL
	write(uint16(0x20b), uint16(0), uint32(0), uint32(size), uint32(0), uint32(0), uint32(address))
	write(uint64(0x180000000), uint32(0x1000), uint32(size), uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0))
	write(uint32(2*address), uint32(size), uint32(0), uint16(2), uint16(0x100))
	write(uint64(0x100000), uint64(0x1000), uint64(0x100000), uint64(0x1000), uint32(0), uint32(16))
	write(uint32(address), uint32(size)) // the table of exports, and no other
	pe.Write(make([]byte, 15*8))
	pe.WriteString(".edata\x00\x00")
	write(uint32(size), uint32(address), uint32(size), uint32(size), make([]byte, 12), uint32(0x40000040)) // data, read only
	pe.Write(make([]byte, size-pe.Len()))
	pe.Write(section)
	return pe.Bytes()
}
