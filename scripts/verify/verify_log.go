// Command verify_log checks a copied directory of transparency logs with the Go project's own packages for them,
// golang.org/x/mod/sumdb/note and golang.org/x/mod/sumdb/tlog, and nothing of Hongyan.
//
//	go run . DIR NAME+ID+BASE64
//
// DIR is one log (it holds a file named checkpoint) or holds several. Checked are the signature of the checkpoint, every
// entry, every tile of every level, and the root. One key signs all logs of an organisation, each under the name of the log: the
// name of the key may be that of any of them. Exit status: 0 all is right, 1 something is wrong, 2 wrong usage.
package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// hashes are those of a tile, as many as it is wide.
func hashes(dir string, tile tlog.Tile) ([]tlog.Hash, error) {
	octets, full, err := read(dir, tile)
	if err != nil {
		return nil, err
	}
	if full {
		octets = octets[:min(len(octets), tile.W*tlog.HashSize)]
	}
	if len(octets) != tile.W*tlog.HashSize {
		return nil, fmt.Errorf("%s has %d octets", path(tile), len(octets))
	}
	found := make([]tlog.Hash, tile.W)
	for nth := range found {
		copy(found[nth][:], octets[nth*tlog.HashSize:])
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

// wrong is what is wrong, and with which entry first.
type wrong struct {
	index int64
	why   error
}

func (w wrong) Error() string { return fmt.Sprintf("first wrong at entry %d: %v", w.index, w.why) }

// growing is a tree that is made of its entries alone: no hash of a file is believed, each is compared with what the
// entries make. (tlog.TileHashReader reads fewer tiles; before v0.40.0 of its module it believed some, CVE-2026-56865.)
type growing struct {
	dir  string
	size int64
	// For each level the hashes of its last tile, as long as that is not full; and how many tiles were.
	last   [][]tlog.Hash
	full   []int64
	wrongs []wrong
}

// add takes in the next hash of a level; the tile that becomes full is compared, and is one hash of the level above.
func (g *growing) add(level int, hash tlog.Hash) {
	if level == len(g.last) {
		g.last = append(g.last, nil)
		g.full = append(g.full, 0)
	}
	g.last[level] = append(g.last[level], hash)
	if len(g.last[level]) < tileWidth {
		return
	}
	if level > 0 {
		g.compare(level) // Level 0 was, entry by entry.
	}
	above := complete(g.last[level])
	g.last[level] = nil
	g.full[level]++
	g.add(level+1, above)
}

// compare holds the last tile of a level, or what was made of it, against its file.
func (g *growing) compare(level int) {
	made := g.last[level]
	tile := tlog.Tile{H: tileHeight, L: level, N: g.full[level]}
	tile.W = int(min(tileWidth, g.size>>(tileHeight*level)-tile.N*tileWidth))
	first := tile.N * tileWidth << (tileHeight * level)
	there, err := hashes(g.dir, tile)
	if err != nil {
		g.wrongs = append(g.wrongs, wrong{first, err})
		return
	}
	for nth := range made {
		if made[nth] != there[nth] {
			at := first + int64(nth)<<(tileHeight*level)
			g.wrongs = append(g.wrongs, wrong{at, fmt.Errorf("%s is not what the entries make", path(tile))})
			return
		}
	}
}

// root is that of RFC 6962: the complete subtrees that there are, the largest first, put together from the last on.
func (g *growing) root() tlog.Hash {
	var subtrees []tlog.Hash
	for level := len(g.last) - 1; level >= 0; level-- {
		rest := g.last[level]
		for width := tileWidth / 2; width > 0; width /= 2 {
			if len(rest) >= width {
				subtrees = append(subtrees, complete(rest[:width]))
				rest = rest[width:]
			}
		}
	}
	if len(subtrees) == 0 {
		return sha256.Sum256(nil)
	}
	root := subtrees[len(subtrees)-1]
	for nth := len(subtrees) - 2; nth >= 0; nth-- {
		root = tlog.NodeHash(subtrees[nth], root)
	}
	return root
}

// complete is the root of a tree with so many leaves, a power of two.
func complete(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	half := len(leaves) / 2
	return tlog.NodeHash(complete(leaves[:half]), complete(leaves[half:]))
}

// bundle takes in the entries of a bundle, each compared with its hash.
func (g *growing) bundle(first int64, width int) *wrong {
	expected, err := hashes(g.dir, tlog.Tile{H: tileHeight, L: 0, N: first / tileWidth, W: width})
	if err != nil {
		return &wrong{first, err}
	}
	bundle := tlog.Tile{H: tileHeight, L: -1, N: first / tileWidth, W: width}
	octets, full, err := read(g.dir, bundle)
	if err != nil {
		return &wrong{first, err}
	}
	count := width
	if full {
		count = tileWidth
	}
	found, cut := entries(octets, count)
	for nth := range min(width, len(found)) {
		hash := tlog.RecordHash(found[nth])
		if hash != expected[nth] {
			return &wrong{first + int64(nth), errors.New("it is not the one that was hashed")}
		}
		g.add(0, hash)
	}
	if cut != nil {
		return &wrong{first + int64(min(len(found), width-1)), fmt.Errorf("%s %w", path(bundle), cut)}
	}
	return nil
}

// check gives one line about a log that is right, or what is wrong with which entry first.
func check(dir, keyText string) (string, error) {
	origin, tree, err := checkpoint(dir, keyText)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	grown := growing{dir: dir, size: tree.N}
	for first := int64(0); first < tree.N && len(grown.wrongs) == 0; first += tileWidth {
		if bad := grown.bundle(first, int(min(tileWidth, tree.N-first))); bad != nil {
			grown.wrongs = append(grown.wrongs, *bad)
		}
	}
	for level := range grown.last {
		if level > 0 && len(grown.last[level]) > 0 {
			grown.compare(level)
		}
	}
	if len(grown.wrongs) > 0 {
		return "", slices.MinFunc(grown.wrongs, func(a, b wrong) int { return cmp.Compare(a.index, b.index) })
	}
	if root := grown.root(); root != tree.Hash {
		return "", errors.New("the entries lead to another root than the one that was signed")
	}
	return fmt.Sprintf("%s, %d entries, root %x", origin, tree.N, tree.Hash[:]), nil
}

func isThere(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: verify_log DIR NAME+ID+BASE64")
		os.Exit(2)
	}
	root, keyText := os.Args[1], os.Args[2]
	logs, allRight := 0, true
	err := filepath.WalkDir(root, func(place string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			return nil
		}
		if entry.Name() == "tile" {
			return fs.SkipDir
		}
		// Tiles without a checkpoint are a log too: a wrong one.
		if !isThere(place, "checkpoint") && !isThere(place, "tile") {
			return nil
		}
		logs++
		dir := place
		name, _ := filepath.Rel(root, dir)
		if line, err := check(dir, keyText); err != nil {
			allRight = false
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
	case !allRight:
		os.Exit(1)
	}
}
