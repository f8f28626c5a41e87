;; Frames in linear memory (RFC 6455 sections 5.2 and 5.3). `node scripts/assemble.mjs` turns this into frames-code.ts.
(module
  (import "turnout" "memory" (memory 0))
  ;; XORs memory[$at, $end) with a key of four bytes, its first byte lowest and due at $at; gives the high bits of what
  ;; came out, in no order: 0 when all of it is ASCII.
  (func $mask (export "mask") (param $at i32) (param $end i32) (param $key i32) (result i32)
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
      (i32.and (local.get $words) (i32.const 0x80808080))))

  ;; Unmasks the frames that memory[$at, $end) begins with, as long as each is a whole text or binary message: FIN, no
  ;; RSV bit, masked, a length of 7 or 16 bits that could not be shorter, its payload complete. Writes an entry of three
  ;; words for each, from $entry to $last: the first byte, plus 256 if the payload is ASCII; where the payload begins;
  ;; where it ends. Gives where the next entry would go.
  (func (export "scan") (param $at i32) (param $end i32) (param $entry i32) (param $last i32) (result i32)
    (local $head i32) (local $length i32) (local $start i32) (local $stop i32)
    (block $no_more
      (loop $next
        (br_if $no_more (i32.gt_u (local.get $entry) (local.get $last)))
        (br_if $no_more (i32.lt_s (i32.sub (local.get $end) (local.get $at)) (i32.const 6)))

        ;; 0x81 or 0x82
        (local.set $head (i32.load8_u (local.get $at)))
        (br_if $no_more (i32.gt_u (i32.sub (local.get $head) (i32.const 0x81)) (i32.const 1)))

        ;; without the MASK bit this is negative, which no unsigned number is
        (local.set $length (i32.sub (i32.load8_u offset=1 (local.get $at)) (i32.const 0x80)))
        (br_if $no_more (i32.ge_u (local.get $length) (i32.const 127)))
        (local.set $start (i32.add (local.get $at) (i32.const 6)))
        (if (i32.eq (local.get $length) (i32.const 126))
          (then
            (local.set $start (i32.add (local.get $at) (i32.const 8)))
            (local.set $length
              (i32.or
                (i32.shl (i32.load8_u offset=2 (local.get $at)) (i32.const 8))
                (i32.load8_u offset=3 (local.get $at))))
            (br_if $no_more (i32.lt_u (local.get $length) (i32.const 126)))))
        (local.set $stop (i32.add (local.get $start) (local.get $length)))
        (br_if $no_more (i32.gt_s (local.get $stop) (local.get $end)))

        (if (i32.eqz
              (call $mask
                (local.get $start)
                (local.get $stop)
                (i32.load align=1 (i32.sub (local.get $start) (i32.const 4)))))
          (then (local.set $head (i32.add (local.get $head) (i32.const 256)))))
        (i32.store (local.get $entry) (local.get $head))
        (i32.store offset=4 (local.get $entry) (local.get $start))
        (i32.store offset=8 (local.get $entry) (local.get $stop))
        (local.set $entry (i32.add (local.get $entry) (i32.const 12)))
        (local.set $at (local.get $stop))
        (br $next)))
    (local.get $entry)))
