/**
 * A field of a Go struct: its name in JSON (empty: the fields of the embedded struct stand in its place), its number in
 * protobuf (0: not there), its type, and `o` for omitempty and `z` for omitzero.
 *
 * A type is `s` string, `b` bool, `i` int32, `l` int64, `d` float64, `y` bytes, a name, or one of these behind `*` (a pointer), `[` (a
 * list) or `{` (a map of strings). The type of a name may begin with `!`: a list that is a message of its own.
 */
export type WireField = [json: string, number: number, type: string, flags: string];
