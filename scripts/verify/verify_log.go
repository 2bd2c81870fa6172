// Command verify_log checks a copied directory of transparency logs with the Go project's own packages for them,
// golang.org/x/mod/sumdb/note and golang.org/x/mod/sumdb/tlog, and nothing of Hongyan.
//
//	go run . DIR NAME+ID+BASE64
//
// DIR is one log (it holds a file named checkpoint) or holds several. Checked are the signature of the checkpoint, every
// tile up to the root, and every entry. One key signs all logs of an organisation, each under the name of the log: the
// name of the key may be that of any of them. Exit status: 0 all is right, 1 something is wrong, 2 wrong usage.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// key is a verifier's key under the name of a log.
func key(text, origin string) (note.Verifier, error) {
	pieces := strings.SplitN(text, "+", 3)
	if len(pieces) != 3 {
		return nil, errors.New("a key is NAME+ID+BASE64")
	}
	octets, err := base64.StdEncoding.DecodeString(pieces[2])
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(append([]byte(origin+"\n"), octets...))
	return note.NewVerifier(fmt.Sprintf("%s+%s+%s", origin, hex.EncodeToString(hash[:4]), pieces[2]))
}

// checkpoint is the signed size and root of the log in this directory.
func checkpoint(dir, keyText string) (origin string, tree tlog.Tree, err error) {
	octets, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return "", tree, err
	}
	origin, _, _ = strings.Cut(string(octets), "\n")
	verifier, err := key(keyText, origin)
	if err != nil {
		return "", tree, err
	}
	opened, err := note.Open(octets, note.VerifierList(verifier))
	if err != nil {
		return "", tree, err
	}
	lines := strings.SplitN(opened.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != origin {
		return "", tree, errors.New("is not origin, size and root")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil || tree.N < 0 {
		return "", tree, errors.New("has no size")
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return origin, tree, err
}

// tiles reads the tiles of hashes of a log; their paths are those of C2SP tlog-tiles.
type tiles struct{ dir string }

func (t tiles) Height() int { return tileHeight }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(wanted))
	for nth, tile := range wanted {
		octets, full, err := read(t.dir, tile)
		if err != nil {
			return nil, err
		}
		if full {
			octets = octets[:min(len(octets), tile.W*tlog.HashSize)]
		}
		if len(octets) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d octets", path(tile), len(octets))
		}
		found[nth] = octets
	}
	return found, nil
}

// path is tile.Path() without the height, which tlog-tiles fixes.
func path(tile tlog.Tile) string {
	text := strings.TrimPrefix(tile.Path(), "tile/8/")
	if rest, isData := strings.CutPrefix(text, "data/"); isData {
		text = "entries/" + rest
	}
	return "tile/" + text
}

// read gives a tile; a partial one gives way to the full one, which begins alike, and is told.
func read(dir string, tile tlog.Tile) (octets []byte, full bool, err error) {
	octets, err = os.ReadFile(filepath.Join(dir, path(tile)))
	if errors.Is(err, fs.ErrNotExist) && tile.W < tileWidth {
		tile.W = tileWidth
		if octets, fullErr := os.ReadFile(filepath.Join(dir, path(tile))); fullErr == nil {
			return octets, true, nil
		}
	}
	return octets, tile.W == tileWidth, err
}

// entries are those of a bundle.
func entries(octets []byte, count int) ([][]byte, error) {
	var found [][]byte
	for len(octets) > 0 {
		if len(octets) < 2 {
			return found, fmt.Errorf("ends inside of entry %d", len(found))
		}
		length := int(binary.BigEndian.Uint16(octets))
		if len(octets) < 2+length {
			return found, fmt.Errorf("ends inside of entry %d", len(found))
		}
		found = append(found, octets[2:2+length])
		octets = octets[2+length:]
	}
	if len(found) != count {
		return found, fmt.Errorf("holds %d entries, not %d", len(found), count)
	}
	return found, nil
}

// check gives one line about a log that is right, or what is wrong with which entry first.
func check(dir, keyText string) (string, error) {
	origin, tree, err := checkpoint(dir, keyText)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	// Reads tiles, and believes none before its hashes lead to the root.
	hashes := tlog.TileHashReader(tree, tiles{dir})
	for first := int64(0); first < tree.N; first += tileWidth {
		width := int(min(tileWidth, tree.N-first))
		wanted := make([]int64, width)
		for nth := range wanted {
			wanted[nth] = tlog.StoredHashIndex(0, first+int64(nth))
		}
		expected, err := hashes.ReadHashes(wanted)
		if err != nil {
			return "", fmt.Errorf("first wrong at entry %d: %w", first, err)
		}
		bundle := tlog.Tile{H: tileHeight, L: -1, N: first / tileWidth, W: width}
		octets, full, err := read(dir, bundle)
		if err != nil {
			return "", fmt.Errorf("first wrong at entry %d: %w", first, err)
		}
		count := width
		if full {
			count = tileWidth
		}
		found, wrong := entries(octets, count)
		for nth := range min(width, len(found)) {
			hash := tlog.RecordHash(found[nth])
			if !bytes.Equal(hash[:], expected[nth][:]) {
				return "", fmt.Errorf("first wrong at entry %d: it is not the one that was hashed", first+int64(nth))
			}
		}
		if wrong != nil {
			at := first + int64(min(len(found), width-1))
			return "", fmt.Errorf("first wrong at entry %d: %s %w", at, path(bundle), wrong)
		}
	}
	if tree.N > 0 {
		// Every tile there is, the ones above too: reading the entries' hashes may have passed some by.
		for _, tile := range tlog.NewTiles(tileHeight, 0, tree.N) {
			octets, err := tiles{dir}.ReadTiles([]tlog.Tile{tile})
			if err == nil {
				err = sameTile(hashes, tile, octets[0])
			}
			if err != nil {
				return "", fmt.Errorf("first wrong at entry %d: %w", tile.N*tileWidth<<(tileHeight*tile.L), err)
			}
		}
	}
	return fmt.Sprintf("%s, %d entries, root %x", origin, tree.N, tree.Hash[:]), nil
}

// sameTile compares a tile with the hashes that lead to the root.
func sameTile(hashes tlog.HashReader, tile tlog.Tile, octets []byte) error {
	wanted := make([]int64, tile.W)
	for nth := range wanted {
		wanted[nth] = tlog.StoredHashIndex(tileHeight*tile.L, tile.N*tileWidth+int64(nth))
	}
	expected, err := hashes.ReadHashes(wanted)
	if err != nil {
		return err
	}
	for nth, hash := range expected {
		if !bytes.Equal(hash[:], octets[nth*tlog.HashSize:][:tlog.HashSize]) {
			return fmt.Errorf("%s is not what the entries make", path(tile))
		}
	}
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: verify_log DIR NAME+ID+BASE64")
		os.Exit(2)
	}
	root, keyText := os.Args[1], os.Args[2]
	logs, wrong := 0, false
	err := filepath.WalkDir(root, func(place string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "tile" {
			return fs.SkipDir
		}
		if entry.IsDir() || entry.Name() != "checkpoint" {
			return nil
		}
		logs++
		dir := filepath.Dir(place)
		name, _ := filepath.Rel(root, dir)
		if line, err := check(dir, keyText); err != nil {
			wrong = true
			fmt.Printf("%s: WRONG: %v\n", name, err)
		} else {
			fmt.Printf("%s: right: %s\n", name, line)
		}
		return nil
	})
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case logs == 0:
		fmt.Fprintf(os.Stderr, "%s: there is no log in it\n", root)
		os.Exit(2)
	case wrong:
		os.Exit(1)
	}
}
