;; XORs memory[$at, $end) with a key of four bytes, its first byte lowest and due at $at; gives the high bits of what
;; came out, in no order: 0 when all of it is ASCII. `node scripts/assemble.mjs` turns this into mask-code.ts.
(module
  (import "turnout" "memory" (memory 0))
  (func (export "mask") (param $at i32) (param $end i32) (param $key i32) (result i32)
    (local $keys v128) (local $block v128) (local $blocks v128)
    (local $word i32) (local $words i32) (local $last i32)

    (local.set $keys (i32x4.splat (local.get $key)))
    (local.set $last (i32.sub (local.get $end) (i32.const 16)))
    (block $no_block_left
      (loop $next
        (br_if $no_block_left (i32.gt_s (local.get $at) (local.get $last)))
        (local.set $block (v128.xor (v128.load align=1 (local.get $at)) (local.get $keys)))
        (v128.store align=1 (local.get $at) (local.get $block))
        (local.set $blocks (v128.or (local.get $blocks) (local.get $block)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))

    (local.set $last (i32.sub (local.get $end) (i32.const 4)))
    (block $no_word_left
      (loop $next
        (br_if $no_word_left (i32.gt_s (local.get $at) (local.get $last)))
        (local.set $word (i32.xor (i32.load align=1 (local.get $at)) (local.get $key)))
        (i32.store align=1 (local.get $at) (local.get $word))
        (local.set $words (i32.or (local.get $words) (local.get $word)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br $next)))

    (block $no_byte_left
      (loop $next
        (br_if $no_byte_left (i32.ge_s (local.get $at) (local.get $end)))
        (local.set $word (i32.and (i32.xor (i32.load8_u (local.get $at)) (local.get $key)) (i32.const 0xff)))
        (i32.store8 (local.get $at) (local.get $word))
        (local.set $words (i32.or (local.get $words) (local.get $word)))
        (local.set $key (i32.shr_u (local.get $key) (i32.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))

    (i32.or
      (i8x16.bitmask (local.get $blocks))
      (i32.and (local.get $words) (i32.const 0x80808080)))))
